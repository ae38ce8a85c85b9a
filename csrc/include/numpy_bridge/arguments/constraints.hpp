/// Requirements of an array argument, written as types: `borrowed<float, ndim<2>, c_contiguous>`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <numpy_bridge/dtype.hpp>
#include <numpy_bridge/layout.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

struct memory;

/// Element type: any of these. `borrowed<const one_of<float, double>>`; see `visit`.
template <class... T> struct one_of {};

/// Exactly N dimensions.
template <int N> struct ndim {
    static_assert(N >= 0 && N <= max_ndim, "ndim<N> needs N from 0 to 64");
};

/// These extents, one per dimension; -1 accepts any.
template <std::int64_t... E> struct extents {
    static_assert(((E >= -1) && ...), "extents<...> takes extents of 0 or more, or -1 for any");
};

struct c_contiguous {};   ///< row-major and gap-free
struct f_contiguous {};   ///< column-major and gap-free
struct any_contiguous {}; ///< gap-free, row- or column-major
struct cpu {};            ///< memory that the host can read: the default
struct cuda {};           ///< memory of a CUDA device
struct any_device {};     ///< memory anywhere

/// The first element lies at a multiple of Bytes. Default: the element's own alignment.
template <std::size_t Bytes> struct aligned {
    static_assert(Bytes > 0 && (Bytes & (Bytes - 1)) == 0, "aligned<Bytes> needs a power of two");
};

/// Skips the tests for negation, conjugation, autograd and a broken storage. The values in memory may
/// differ from the tensor's.
struct unchecked {};

/// Copies if it cannot borrow: dtypes that keep every value (NumPy's "safe"), byte order, layout, alignment,
/// negation and conjugation, never the device. For const elements only; `copied()` is then true.
struct allow_copy {};

/// The same, and to narrower dtypes of the same kind (NumPy's "same_kind"), which rounds and overflows.
struct allow_cast {};

/// `numpy_bridge::element<T>::id` names the row of the dtype table for a C++ type. Specialise it for
/// types in the table that C++17 lacks: `template <> struct element<my_half> { static
/// constexpr dtype id = dtype::float16; };` For structs and long doubles include `numpy_bridge/records.hpp`.
template <class T, class = void> struct element {};

template <class T> struct element<T, std::enable_if_t<dtype_of<T>().has_value()>> {
    static constexpr dtype id = *dtype_of<T>();
};

namespace detail {

enum class order : std::uint8_t { any, c, f, c_or_f };
enum class place : std::uint8_t { host, cuda, anywhere };

/// A C++ type whose dtype is NumPy's only: a struct, a long double.
struct record_type {
    std::int64_t itemsize;                  ///< bytes
    void* (*dtype)();                       ///< borrowed; raises if it is not registered
    bool (*describes)(const memory& found); ///< whether the elements of `found` have this dtype
};

using dtype_set = std::uint32_t; // a bit for each row of the dtype table
static_assert(dtype_table.size() <= 32);

constexpr dtype_set set_of(dtype id) noexcept { return dtype_set{1} << static_cast<unsigned>(id); }

/// Constraints as values: `check` compares memory with them, and error messages name them.
struct requirements {
    dtype_set dtypes = 0;
    int ndim = -1; ///< -1: any
    bool has_extents = false;
    const std::int64_t* extents = nullptr; ///< `ndim` of them, if it has them
    detail::order order = order::any;
    place where = place::host;
    std::size_t alignment = 1;
    bool writable = false;
    bool checked = true;
    bool may_copy = false;
    bool may_narrow = false; ///< a copy may lose precision
    bool as_bytes = false;   ///< elements of any dtype, as bytes along one more dimension
    const record_type* record = nullptr;
};

template <class T, class = void> inline constexpr const record_type* record_of_element = nullptr;
template <class T>
inline constexpr const record_type* record_of_element<T, std::void_t<decltype(element<T>::record)>> =
    &element<T>::record;

/// The element types that T stands for.
template <class T> struct element_types {
    static constexpr dtype_set set = set_of(element<T>::id);
    static constexpr std::size_t alignment = alignof(T);
    static constexpr const record_type* record = record_of_element<T>;
};
template <class... T> struct element_types<one_of<T...>> {
    static_assert(((element<T>::id != dtype::opaque) && ...), "one_of<...> takes numbers: no structs, no long doubles");
    static constexpr dtype_set set = (set_of(element<T>::id) | ...);
    static constexpr std::size_t alignment = 1; // that of the dtype found
    static constexpr const record_type* record = nullptr;
};
template <> struct element_types<void> {
    static constexpr dtype_set set = set_of(dtype::opaque) - 1; // all others
    static constexpr std::size_t alignment = 1;
    static constexpr const record_type* record = nullptr;
};
template <> struct element_types<std::byte> {
    static constexpr dtype_set set = element_types<void>::set | set_of(dtype::opaque);
    static constexpr std::size_t alignment = 1;
    static constexpr const record_type* record = nullptr;
};

/// Elements whose type is known only at run time are reached through void pointers.
template <class T> struct stored_element {
    using type = T;
};
template <class... T> struct stored_element<one_of<T...>> {
    using type = void;
};
template <class... T> struct stored_element<const one_of<T...>> {
    using type = const void;
};

template <std::int64_t... E> inline constexpr std::array<std::int64_t, sizeof...(E)> extents_array = {E...};

constexpr void apply(requirements& r, c_contiguous) { r.order = order::c; }
constexpr void apply(requirements& r, f_contiguous) { r.order = order::f; }
constexpr void apply(requirements& r, any_contiguous) { r.order = order::c_or_f; }
constexpr void apply(requirements& r, cpu) { r.where = place::host; }
constexpr void apply(requirements& r, cuda) { r.where = place::cuda; }
constexpr void apply(requirements& r, any_device) { r.where = place::anywhere; }
constexpr void apply(requirements& r, unchecked) { r.checked = false; }
constexpr void apply(requirements& r, allow_copy) { r.may_copy = true; }
constexpr void apply(requirements& r, allow_cast) { r.may_copy = r.may_narrow = true; }
template <int N> constexpr void apply(requirements& r, ndim<N>) { r.ndim = N; }
template <std::size_t Bytes> constexpr void apply(requirements& r, aligned<Bytes>) {
    if (Bytes > r.alignment) r.alignment = Bytes;
}
template <std::int64_t... E> constexpr void apply(requirements& r, extents<E...>) {
    r.ndim = static_cast<int>(sizeof...(E));
    r.has_extents = sizeof...(E) > 0;
    r.extents = extents_array<E...>.data();
}

template <class T, class... Constraints> constexpr requirements make_requirements() {
    using value = std::remove_const_t<T>;
    requirements r;
    r.dtypes = element_types<value>::set;
    r.alignment = element_types<value>::alignment;
    r.writable = !std::is_const_v<T>;
    r.as_bytes = std::is_same_v<value, std::byte>;
    r.record = element_types<value>::record;
    (apply(r, Constraints{}), ...);
    return r;
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
