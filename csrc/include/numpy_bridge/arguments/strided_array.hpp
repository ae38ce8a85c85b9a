/// Strided elements in memory: the common base of borrowed and shared arguments.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#if defined(__has_include)
#if __has_include(<version>)
#include <version>
#endif
#endif
#ifdef __cpp_lib_span
#include <span>
#endif
#ifdef __cpp_lib_mdspan
#include <mdspan>
#endif

#include <numpy_bridge/arguments/constraints.hpp>
#include <numpy_bridge/memory.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Room for N extents, or for any number of them where N is -1.
template <int N> class extent_list {
public:
    constexpr int ndim() const noexcept { return N; }
    void resize(int) noexcept {}
    std::int64_t& operator[](int i) noexcept { return values_[static_cast<std::size_t>(i)]; }
    const std::int64_t& operator[](int i) const noexcept { return values_[static_cast<std::size_t>(i)]; }
    const std::int64_t* data() const noexcept { return values_.data(); }

private:
    std::array<std::int64_t, static_cast<std::size_t>(N)> values_;
};

template <> class extent_list<-1> {
public:
    extent_list() = default;
    extent_list(const extent_list& other) noexcept { *this = other; }
    extent_list& operator=(const extent_list& other) noexcept { // NOLINT(cert-oop54-cpp): may be itself
        ndim_ = other.ndim_;
        for (int i = 0; i < ndim_; ++i) (*this)[i] = other[i];
        return *this;
    }
    ~extent_list() = default;

    int ndim() const noexcept { return ndim_; }
    void resize(int ndim) noexcept { ndim_ = ndim; }
    std::int64_t& operator[](int i) noexcept { return values_[static_cast<std::size_t>(i)]; }
    const std::int64_t& operator[](int i) const noexcept { return values_[static_cast<std::size_t>(i)]; }
    const std::int64_t* data() const noexcept { return values_.data(); }

private:
    int ndim_ = 0;
    std::array<std::int64_t, max_ndim + 1> values_; // only the first `ndim_` are used; bytes have one more
};

template <class T> inline constexpr bool is_byte = std::is_same_v<std::remove_cv_t<T>, std::byte>;

} // namespace detail

/// Pointer, shape and strides of elements of type T (const T for read-only memory; void where the
/// dtype is known at run time only). N is the number of dimensions, -1 if it is not fixed. Owns
/// nothing and does not use Python. Strides count elements. Elements that are std::byte are those of elements of any
/// dtype: they have one dimension more, the last, and N counts it.
template <class T, int N, detail::order Order> class strided_array {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;

    strided_array() = default;

    /// The elements of `m`, whose dtype, dimensions and order have been checked.
    explicit strided_array(const memory& m) noexcept : data_(reinterpret_cast<T*>(m.data)), dtype_(m.type.id) {
        constexpr int more = detail::is_byte<T> ? 1 : 0;
        shape_.resize(m.ndim + more);
        strides_.resize(m.ndim + more);
        const int count = N >= 0 ? N - more : m.ndim; // known to the optimiser
        for (int i = 0; i < count; ++i) {
            shape_[i] = m.shape[i];
            strides_[i] = in_elements(m.strides[i], m.type.id);
        }
        if constexpr (detail::is_byte<T>) {
            shape_[count] = itemsize(m);
            strides_[count] = 1;
        }
    }

    /// Elements at `data`. Strides count elements.
    strided_array(T* data, numpy_bridge::dtype type, int ndim, const std::int64_t* shape,
                  const std::int64_t* strides) noexcept
        : data_(data),
          dtype_(type) {
        assert(N == -1 || ndim == N);
        shape_.resize(ndim);
        strides_.resize(ndim);
        for (int i = 0; i < ndim; ++i) {
            shape_[i] = shape[i];
            strides_[i] = strides[i];
        }
    }

    T* data() const noexcept { return data_; }
    numpy_bridge::dtype dtype() const noexcept { return dtype_; }
    constexpr int ndim() const noexcept { return shape_.ndim(); }

    /// Extent of dimension i.
    std::int64_t shape(int i) const noexcept { return shape_[i]; }
    const std::int64_t* shape() const noexcept { return shape_.data(); }

    /// Elements between neighbours along dimension i.
    std::int64_t stride(int i) const noexcept {
        if constexpr (N > 0 && Order == detail::order::c)
            if (i == N - 1) return 1; // known to the optimiser
        if constexpr (N > 0 && Order == detail::order::f)
            if (i == 0) return 1;
        return strides_[i];
    }
    const std::int64_t* strides() const noexcept { return strides_.data(); }

    /// Number of elements.
    std::int64_t size() const noexcept {
        std::int64_t count = 1;
        for (int i = 0; i < ndim(); ++i) count *= shape_[i];
        return count;
    }
    bool empty() const noexcept { return size() == 0; }

    /// The shape as `own` and `fresh` take it.
    std::vector<std::int64_t> shape_vector() const { return {shape(), shape() + ndim()}; }

    /// The element at these indices, one per dimension. Not checked, except by assertions.
    template <class... Index> auto& operator()(Index... index) const noexcept {
        static_assert(!std::is_void_v<T>, "the dtype is known at run time only: use visit(x, f)");
        static_assert(N == -1 || static_cast<int>(sizeof...(Index)) == N, "one index for each dimension");
        static_assert((std::is_convertible_v<Index, std::int64_t> && ...), "indices are integers");
        assert(static_cast<int>(sizeof...(Index)) == ndim());
        std::int64_t offset = 0;
        int i = 0;
        ((assert(static_cast<std::int64_t>(index) >= 0 && static_cast<std::int64_t>(index) < shape_[i]),
          offset += static_cast<std::int64_t>(index) * stride(i), ++i),
         ...);
        return data_[offset];
    }

    /// The array at index i of the first dimension: a row of a matrix. Not checked, except by assertions.
    auto operator[](std::int64_t i) const noexcept {
        static_assert(N != 0 && !std::is_void_v<T>, "x[i] needs a dimension, and an element type");
        assert(ndim() > 0 && i >= 0 && i < shape_[0]);
        // Without its first dimension an array stays in C order, but not in Fortran order.
        constexpr auto order = Order == detail::order::c ? Order : detail::order::any;
        return strided_array<T, N == -1 ? -1 : N - 1, order>(data_ + i * stride(0), dtype_, ndim() - 1, shape() + 1,
                                                             strides() + 1);
    }

    /// x[start:stop:step] of dimension `axis`, for 0 <= start <= stop <= shape(axis) and step > 0. Not checked, except
    /// by assertions.
    strided_array<T, N, detail::order::any> sliced(int axis, std::int64_t start, std::int64_t stop,
                                                   std::int64_t step = 1) const noexcept {
        static_assert(!std::is_void_v<T>, "the dtype is known at run time only: use visit(x, f)");
        assert(axis >= 0 && axis < ndim() && 0 <= start && start <= stop && stop <= shape_[axis] && step > 0);
        strided_array<T, N, detail::order::any> part(data_ + start * stride(axis), dtype_, ndim(), shape(), strides());
        part.shape_[axis] = start == stop ? 0 : (stop - start - 1) / step + 1;
        if (part.shape_[axis] > 1) part.strides_[axis] *= step; // else it is not used, and could overflow
        return part;
    }

    /// All elements in memory order, of gap-free arrays.
    T* begin() const noexcept {
        require_contiguous();
        return data_;
    }
    T* end() const noexcept { return begin() + size(); }

#ifdef __cpp_lib_span
    std::span<T> as_span() const noexcept { return {begin(), static_cast<std::size_t>(size())}; }
#endif

#ifdef __cpp_lib_mdspan
    /// A std::mdspan. Its layouts allow no negative or zero strides, so `a[::-1]` and broadcasts are refused.
    auto as_mdspan() const noexcept {
        static_assert(N >= 0, "as_mdspan needs ndim<N> or extents<...>");
        using shape_type = std::dextents<std::int64_t, N>;
        std::array<std::int64_t, static_cast<std::size_t>(N)> shape{}, strides{};
        for (int i = 0; i < N; ++i) {
            shape[static_cast<std::size_t>(i)] = shape_[i];
            strides[static_cast<std::size_t>(i)] = strides_[i];
        }
        if constexpr (Order == detail::order::c) {
            return std::mdspan<T, shape_type, std::layout_right>(data_, shape_type(shape));
        } else if constexpr (Order == detail::order::f) {
            return std::mdspan<T, shape_type, std::layout_left>(data_, shape_type(shape));
        } else {
            for (int i = 0; i < N; ++i) assert(shape_[i] <= 1 || strides_[i] > 0);
            const std::layout_stride::mapping<shape_type> mapping(shape_type(shape), strides);
            return std::mdspan<T, shape_type, std::layout_stride>(data_, mapping);
        }
    }
#endif

private:
    template <class, int, detail::order> friend class strided_array;

    static std::int64_t in_elements(std::int64_t bytes, numpy_bridge::dtype id) noexcept {
        if constexpr (detail::is_byte<T>) return bytes;
        else if constexpr (detail::element_types<value_type>::record) return bytes / std::int64_t{sizeof(T)};
        else return bytes >> itemsize_exponent(id);
    }

    static constexpr void require_contiguous() noexcept {
        static_assert(Order != detail::order::any, "needs c_contiguous, f_contiguous or any_contiguous");
        static_assert(!std::is_void_v<T>, "the dtype is known at run time only: use visit(x, f)");
    }

    T* data_ = nullptr;
    numpy_bridge::dtype dtype_ = dtype::uint8;
    detail::extent_list<N> shape_;
    detail::extent_list<N> strides_;
};

NUMPY_BRIDGE_NAMESPACE_END
