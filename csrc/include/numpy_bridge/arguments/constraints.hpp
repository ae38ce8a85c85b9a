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

/// From First to Last dimensions.
template <int First, int Last> struct ndim_between {
    static_assert(0 <= First && First <= Last && Last <= max_ndim,
                  "ndim_between<First, Last> needs 0 <= First <= Last <= 64");
};

/// These extents of the last dimensions, after any number of others; -1 accepts any.
template <std::int64_t... E> struct trailing_extents {
    static_assert(sizeof...(E) > 0 && ((E >= -1) && ...),
                  "trailing_extents<...> takes extents of 0 or more, or -1 for any");
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

/// With `allow_copy`: never to another dtype. Layout, alignment, byte order, negation and conjugation only.
struct keep_dtype {};

/// The same as `allow_copy`, and takes what has no memory of its own: numbers, lists, tuples, `range` and all else that
/// `numpy.asarray` makes numbers of. Integers keep their values, or are refused; fractions are rounded as NumPy does.
/// For structs: tuples of their fields, as `numpy.array(x, dtype)` reads them.
struct array_like {};

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

/// A C++ type whose dtype is NumPy's only: a struct, a long double. False if there is none.
struct record_type {
    std::int64_t itemsize = 0;                        ///< bytes
    void* (*dtype)() = nullptr;                       ///< borrowed; raises if it is not registered
    bool (*describes)(const memory& found) = nullptr; ///< whether the elements of `found` have this dtype

    constexpr explicit operator bool() const noexcept { return itemsize != 0; }
};

using dtype_set = std::uint32_t; // a bit for each row of the dtype table
static_assert(dtype_table.size() <= 32);

constexpr dtype_set set_of(dtype id) noexcept { return dtype_set{1} << static_cast<unsigned>(id); }

/// Constraints as values: `check` compares memory with them, and error messages name them.
struct requirements {
    dtype_set dtypes = 0;
    int ndim = -1; ///< -1: any
    int min_ndim = 0;
    int max_ndim = numpy_bridge::max_ndim;
    bool has_extents = false;
    const std::int64_t* extents = nullptr; ///< `ndim` of them, if it has them
    int trailing_count = 0;
    const std::int64_t* trailing = nullptr; ///< extents of the last dimensions
    detail::order order = order::any;
    place where = place::host;
    std::size_t alignment = 1;
    bool writable = false;
    bool checked = true;
    bool may_copy = false;
    bool may_narrow = false; ///< a copy may lose precision
    bool may_convert = true; ///< a copy may have another dtype
    bool array_like = false; ///< lists and numbers are copied, too
    bool as_bytes = false;   ///< elements of any dtype, as bytes along one more dimension
    record_type record{};
};

template <class T, class = void> inline constexpr record_type record_of_element{};
template <class T>
inline constexpr record_type record_of_element<T, std::void_t<decltype(element<T>::record)>> = element<T>::record;

template <class T, class = void> inline constexpr bool is_element = false;
template <class T> inline constexpr bool is_element<T, std::void_t<decltype(element<T>::id)>> = true;

/// The element types that T stands for.
template <class T> struct element_types {
    static_assert(is_element<T>,
                  "not an element type: specialise numpy_bridge::element, or for structs and long double "
                  "include <numpy_bridge/records.hpp>");
    static constexpr dtype_set set = set_of(element<T>::id);
    static constexpr std::size_t alignment = alignof(T);
    static constexpr record_type record = record_of_element<T>;
};
template <class... T> struct element_types<one_of<T...>> {
    static_assert(((element<T>::id != dtype::opaque) && ...), "one_of<...> takes numbers: no structs, no long doubles");
    static constexpr dtype_set set = (set_of(element<T>::id) | ...);
    static constexpr std::size_t alignment = 1; // that of the dtype found
    static constexpr record_type record{};
};
template <> struct element_types<void> {
    static constexpr dtype_set set = set_of(dtype::opaque) - 1; // all others
    static constexpr std::size_t alignment = 1;
    static constexpr record_type record{};
};
template <> struct element_types<char> { // text and bytes have either
    static constexpr dtype_set set = set_of(dtype::int8) | set_of(dtype::uint8);
    static constexpr std::size_t alignment = 1;
    static constexpr record_type record{};
};
template <> struct element_types<std::byte> {
    static constexpr dtype_set set = element_types<void>::set | set_of(dtype::opaque);
    static constexpr std::size_t alignment = 1;
    static constexpr record_type record{};
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
constexpr void apply(requirements& r, keep_dtype) { r.may_convert = false; }
constexpr void apply(requirements& r, array_like) { r.may_copy = r.array_like = true; }
constexpr void apply(requirements& r, allow_cast) { r.may_copy = r.may_narrow = true; }
template <int N> constexpr void apply(requirements& r, ndim<N>) { r.ndim = N; }
template <std::size_t Bytes> constexpr void apply(requirements& r, aligned<Bytes>) {
    if (Bytes > r.alignment) r.alignment = Bytes;
}
template <int First, int Last> constexpr void apply(requirements& r, ndim_between<First, Last>) {
    r.min_ndim = First;
    r.max_ndim = Last;
}
template <std::int64_t... E> constexpr void apply(requirements& r, trailing_extents<E...>) {
    r.trailing_count = static_cast<int>(sizeof...(E));
    r.trailing = extents_array<E...>.data();
    if (r.min_ndim < r.trailing_count) r.min_ndim = r.trailing_count;
}
template <std::int64_t... E> constexpr void apply(requirements& r, extents<E...>) {
    r.ndim = static_cast<int>(sizeof...(E));
    r.has_extents = sizeof...(E) > 0;
    r.extents = extents_array<E...>.data();
}

/// What a constraint decides. Two of one kind contradict each other; those of kind `other` combine.
enum class decides : std::uint8_t { other, ndim, order, place, copies };
template <class C> inline constexpr decides decided_by = decides::other;
template <int N> inline constexpr decides decided_by<ndim<N>> = decides::ndim;
template <int A, int B> inline constexpr decides decided_by<ndim_between<A, B>> = decides::ndim;
template <std::int64_t... E> inline constexpr decides decided_by<extents<E...>> = decides::ndim;
template <std::int64_t... E> inline constexpr decides decided_by<trailing_extents<E...>> = decides::ndim;
template <> inline constexpr decides decided_by<c_contiguous> = decides::order;
template <> inline constexpr decides decided_by<f_contiguous> = decides::order;
template <> inline constexpr decides decided_by<any_contiguous> = decides::order;
template <> inline constexpr decides decided_by<cpu> = decides::place;
template <> inline constexpr decides decided_by<cuda> = decides::place;
template <> inline constexpr decides decided_by<any_device> = decides::place;
template <> inline constexpr decides decided_by<allow_copy> = decides::copies;
template <> inline constexpr decides decided_by<allow_cast> = decides::copies;
template <> inline constexpr decides decided_by<array_like> = decides::copies;

template <decides What, class... Constraints>
inline constexpr int count_deciding = ((decided_by<Constraints> == What ? 1 : 0) + ... + 0);

/// Takes the place of a constraint where a later one decides the same.
struct superseded {};
constexpr void apply(requirements& /*r*/, superseded) {}
template <class C, class... Later>
inline constexpr bool is_superseded = ((decided_by<C> != decides::other && decided_by<C> == decided_by<Later>) || ...);
template <class C, class... Later>
using unless_superseded = std::conditional_t<is_superseded<C, Later...>, superseded, C>;

template <class T, class... Constraints> constexpr requirements make_requirements() {
    static_assert(count_deciding<decides::order, Constraints...> <= 1,
                  "one of c_contiguous, f_contiguous and any_contiguous, not several");
    static_assert(count_deciding<decides::place, Constraints...> <= 1, "one of cpu, cuda and any_device, not several");
    static_assert(count_deciding<decides::copies, Constraints...> <= 1,
                  "one of allow_copy, allow_cast and array_like, not several");
    static_assert(count_deciding<decides::ndim, Constraints...> <= 1,
                  "one of ndim, ndim_between, extents and trailing_extents, not several");
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
