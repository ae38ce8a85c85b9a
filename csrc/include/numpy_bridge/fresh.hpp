/// Results that are allocated as Python's arrays are, and filled by index.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include <numpy_bridge/arguments/array_argument.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// What to allocate.
struct new_array {
    dtype type;
    detail::record_type record; ///< for opaque elements
    int ndim;
    const std::int64_t* shape;
};

/// An array of NumPy whose elements are not set. `out` describes it as long as it lives.
py::object allocate(const new_array& wanted, bool in_fortran_order, memory& out);

/// One of the library of `like` on `where`, in C order, if that library lets others allocate: if it has an exchange
/// table, as torch. Else one of NumPy.
py::object allocate_like(py::handle like, device where, const new_array& wanted, memory& out, dims& strides);

} // namespace engine

/// A new array to fill and to return. The elements are not set. Constraints may be `ndim<N>`, and `f_contiguous` for
/// Fortran order; the order is that of C without it. Elements are reached as in `strided_array`. Copies are cheap and
/// refer to the same array. Needs the GIL, but not to fill the elements.
///
///     m.def("outer", [](borrowed<const float, ndim<1>> x, borrowed<const float, ndim<1>> y) {
///         fresh<float, ndim<2>> out({x.size(), y.size()});
///         for (...) for (...) out(i, j) = x(i) * y(j);
///         return out; });
template <class T, class... Constraints> class fresh;

namespace detail {

template <class T, class... Constraints> struct fresh_parts {
    static_assert(!std::is_const_v<T>, "fresh<T> is there to be written");
    static_assert(!std::is_same_v<T, std::byte>, "fresh<std::byte> has no dtype: take fresh<std::uint8_t>");
    using spec = argument_spec<borrow, T, Constraints...>;
    static constexpr requirements wanted = spec::wanted;
    static_assert(wanted.where == place::host && !wanted.has_extents && wanted.trailing_count == 0,
                  "fresh takes ndim<N>, and c_contiguous or f_contiguous");
    static constexpr detail::order order = wanted.order == detail::order::f ? detail::order::f : detail::order::c;
    using elements = strided_array<typename stored_element<T>::type, wanted.ndim, order>;
    static constexpr auto count = static_cast<std::size_t>(wanted.ndim >= 0 ? wanted.ndim : 0);
    using shape = std::conditional_t<wanted.ndim >= 0, std::array<std::int64_t, count>, std::vector<std::int64_t>>;
};

} // namespace detail

template <class T, class... Constraints> class fresh : public detail::fresh_parts<T, Constraints...>::elements {
    using parts = detail::fresh_parts<T, Constraints...>;
    using elements = typename parts::elements;

public:
    using spec = typename parts::spec;
    using shape_type = typename parts::shape;

    /// Of NumPy. Raises ValueError or MemoryError as `numpy.empty` does.
    explicit fresh(const shape_type& shape) : fresh(shape, element<T>::id) {}

    /// The same for `fresh<void>` and `fresh<one_of<...>>`, whose dtype is chosen at run time; see `visit`.
    fresh(const shape_type& shape, numpy_bridge::dtype type) {
        memory m;
        object_ = engine::allocate(what(shape, type), parts::order == detail::order::f, m);
        static_cast<elements&>(*this) = elements(m);
    }

    /// Of the library of `like`, on `where`; see `fresh_like`.
    fresh(const shape_type& shape, numpy_bridge::dtype type, py::handle like, numpy_bridge::device where) {
        static_assert(parts::order == detail::order::c, "fresh_like makes arrays in C order");
        memory m;
        dims strides;
        object_ = engine::allocate_like(like, where, what(shape, type), m, strides);
        static_cast<elements&>(*this) = elements(m);
    }

    /// The array.
    const py::object& object() const noexcept { return object_; }

    /// The same elements as U, which the caller has checked; see `visit`.
    template <class U> auto as() const {
        return strided_array<U, parts::wanted.ndim, parts::order>(reinterpret_cast<U*>(this->data()), this->dtype(),
                                                                  this->ndim(), this->shape(), this->strides());
    }

private:
    static engine::new_array what(const shape_type& shape, numpy_bridge::dtype type) {
        return {type, detail::element_types<T>::record, static_cast<int>(shape.size()), shape.data()};
    }

    py::object object_;
};

/// A new array of `like`'s library, dtype and device, with this shape or with that of `like`. The library is NumPy
/// unless it lets others allocate, as torch does, on CUDA devices too.
template <class... Constraints, class Spec>
auto fresh_like(const array_argument<Spec>& like,
                const typename fresh<std::remove_const_t<typename Spec::element>, Constraints...>::shape_type& shape) {
    using result = fresh<std::remove_const_t<typename Spec::element>, Constraints...>;
    return result(shape, like.dtype(), like.object(), like.device());
}

template <class Spec> auto fresh_like(const array_argument<Spec>& like) {
    constexpr int n = Spec::wanted.ndim;
    if constexpr (n >= 0) {
        std::array<std::int64_t, static_cast<std::size_t>(n)> shape{};
        for (int i = 0; i < n; ++i) shape[static_cast<std::size_t>(i)] = like.shape(i);
        return fresh_like<ndim<n>>(like, shape);
    } else {
        return fresh_like<>(like, like.shape_vector());
    }
}

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/fresh.cpp"
#endif
