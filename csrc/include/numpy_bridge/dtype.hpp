/// The table of dtypes: the names of each element type in every protocol.
#pragma once

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <numpy_bridge/dlpack.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Element types that can be shared. The value is the row in `dtype_table`.
enum class dtype : std::uint8_t {
    boolean,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
    float16,
    float32,
    float64,
    complex32,
    complex64,
    complex128,
    bfloat16,
    float8_e3m4,
    float8_e4m3,
    float8_e4m3b11fnuz,
    float8_e4m3fn,
    float8_e4m3fnuz,
    float8_e5m2,
    float8_e5m2fnuz,
    float8_e8m0fnu,
    float4_e2m1fn_x2,
    opaque, ///< no number: only NumPy's dtype tells what it is, see `opaque_elements`
};

enum class byte_order : std::uint8_t { native, swapped };

/// A dtype together with the order of the bytes in memory.
struct element_type {
    dtype id;
    byte_order order;
};

/// One row. A name is null if the protocol cannot express the dtype. `numpy_number` is -1 if NumPy itself
/// lacks it; the `ml_dtypes` package may add it.
struct dtype_info {
    dtype id;
    const char* name;           ///< as NumPy, torch and ml_dtypes spell it
    dlpack::data_type dlpack;   ///< DLPack code, bits and lanes
    const char* format;         ///< PEP 3118 / `struct` format, native byte order
    const char* swapped_format; ///< the same in the other byte order; null for single bytes
    char kind;                  ///< array interface kind character, 0 if none
    std::uint8_t itemsize;      ///< bytes; 0 for opaque elements, whose size `memory` has
    std::uint8_t alignment;     ///< bytes
    std::int8_t numpy_number;   ///< NPY_TYPES value
};

namespace detail {

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
inline constexpr bool big_endian = true;
#define NUMPY_BRIDGE_SWAPPED(code) "<" code
#else
inline constexpr bool big_endian = false;
#define NUMPY_BRIDGE_SWAPPED(code) ">" code
#endif

inline constexpr std::int8_t numpy_int64 = sizeof(long) == 8 ? 7 : 9;   // NPY_LONG or NPY_LONGLONG
inline constexpr std::int8_t numpy_uint64 = sizeof(long) == 8 ? 8 : 10; // NPY_ULONG or NPY_ULONGLONG

constexpr dlpack::data_type one_lane(dlpack::type_code code, unsigned bits) {
    return {code, static_cast<std::uint8_t>(bits), 1};
}

} // namespace detail

// clang-format off
inline constexpr std::array<dtype_info, 26> dtype_table = {{
    {dtype::boolean,    "bool",       detail::one_lane(dlpack::type_code::boolean, 8),           "?",  nullptr,                    'b', 1,  1, 0},
    {dtype::int8,       "int8",       detail::one_lane(dlpack::type_code::signed_integer, 8),    "b",  nullptr,                    'i', 1,  1, 1},
    {dtype::int16,      "int16",      detail::one_lane(dlpack::type_code::signed_integer, 16),   "h",  NUMPY_BRIDGE_SWAPPED("h"),  'i', 2,  2, 3},
    {dtype::int32,      "int32",      detail::one_lane(dlpack::type_code::signed_integer, 32),   "i",  NUMPY_BRIDGE_SWAPPED("i"),  'i', 4,  4, 5},
    {dtype::int64,      "int64",      detail::one_lane(dlpack::type_code::signed_integer, 64),   "q",  NUMPY_BRIDGE_SWAPPED("q"),  'i', 8,  8, detail::numpy_int64},
    {dtype::uint8,      "uint8",      detail::one_lane(dlpack::type_code::unsigned_integer, 8),  "B",  nullptr,                    'u', 1,  1, 2},
    {dtype::uint16,     "uint16",     detail::one_lane(dlpack::type_code::unsigned_integer, 16), "H",  NUMPY_BRIDGE_SWAPPED("H"),  'u', 2,  2, 4},
    {dtype::uint32,     "uint32",     detail::one_lane(dlpack::type_code::unsigned_integer, 32), "I",  NUMPY_BRIDGE_SWAPPED("I"),  'u', 4,  4, 6},
    {dtype::uint64,     "uint64",     detail::one_lane(dlpack::type_code::unsigned_integer, 64), "Q",  NUMPY_BRIDGE_SWAPPED("Q"),  'u', 8,  8, detail::numpy_uint64},
    {dtype::float16,    "float16",    detail::one_lane(dlpack::type_code::floating, 16),         "e",  NUMPY_BRIDGE_SWAPPED("e"),  'f', 2,  2, 23},
    {dtype::float32,    "float32",    detail::one_lane(dlpack::type_code::floating, 32),         "f",  NUMPY_BRIDGE_SWAPPED("f"),  'f', 4,  4, 11},
    {dtype::float64,    "float64",    detail::one_lane(dlpack::type_code::floating, 64),         "d",  NUMPY_BRIDGE_SWAPPED("d"),  'f', 8,  8, 12},
    {dtype::complex32,  "complex32",  detail::one_lane(dlpack::type_code::complex, 32),          nullptr, nullptr,                 0,   4,  2, -1},
    {dtype::complex64,  "complex64",  detail::one_lane(dlpack::type_code::complex, 64),          "Zf", NUMPY_BRIDGE_SWAPPED("Zf"), 'c', 8,  4, 14},
    {dtype::complex128, "complex128", detail::one_lane(dlpack::type_code::complex, 128),         "Zd", NUMPY_BRIDGE_SWAPPED("Zd"), 'c', 16, 8, 15},
    {dtype::bfloat16,   "bfloat16",   detail::one_lane(dlpack::type_code::bfloat, 16),           nullptr, nullptr,                 0,   2,  2, -1},
    {dtype::float8_e3m4,        "float8_e3m4",        detail::one_lane(dlpack::type_code::float8_e3m4, 8),        nullptr, nullptr, 0, 1, 1, -1},
    {dtype::float8_e4m3,        "float8_e4m3",        detail::one_lane(dlpack::type_code::float8_e4m3, 8),        nullptr, nullptr, 0, 1, 1, -1},
    {dtype::float8_e4m3b11fnuz, "float8_e4m3b11fnuz", detail::one_lane(dlpack::type_code::float8_e4m3b11fnuz, 8), nullptr, nullptr, 0, 1, 1, -1},
    {dtype::float8_e4m3fn,      "float8_e4m3fn",      detail::one_lane(dlpack::type_code::float8_e4m3fn, 8),      nullptr, nullptr, 0, 1, 1, -1},
    {dtype::float8_e4m3fnuz,    "float8_e4m3fnuz",    detail::one_lane(dlpack::type_code::float8_e4m3fnuz, 8),    nullptr, nullptr, 0, 1, 1, -1},
    {dtype::float8_e5m2,        "float8_e5m2",        detail::one_lane(dlpack::type_code::float8_e5m2, 8),        nullptr, nullptr, 0, 1, 1, -1},
    {dtype::float8_e5m2fnuz,    "float8_e5m2fnuz",    detail::one_lane(dlpack::type_code::float8_e5m2fnuz, 8),    nullptr, nullptr, 0, 1, 1, -1},
    {dtype::float8_e8m0fnu,     "float8_e8m0fnu",     detail::one_lane(dlpack::type_code::float8_e8m0fnu, 8),     nullptr, nullptr, 0, 1, 1, -1},
    {dtype::float4_e2m1fn_x2,   "float4_e2m1fn_x2",   {dlpack::type_code::float4_e2m1fn, 4, 2},                   nullptr, nullptr, 0, 1, 1, -1},
    {dtype::opaque,             "opaque",             {dlpack::type_code::opaque_handle, 0, 0},                     nullptr, nullptr, 0, 0, 1, -1},
}};
// clang-format on

#undef NUMPY_BRIDGE_SWAPPED

constexpr const dtype_info& info(dtype id) noexcept { return dtype_table[static_cast<std::size_t>(id)]; }

constexpr std::size_t itemsize(dtype id) noexcept { return info(id).itemsize; }

/// True where two DLPack element types are the same.
constexpr bool same(dlpack::data_type a, dlpack::data_type b) noexcept {
    return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes;
}

/// The row with this `name`, if any.
constexpr std::optional<dtype> from_name(std::string_view name) noexcept {
    for (const dtype_info& row : dtype_table)
        if (row.itemsize != 0 && name == row.name) return row.id;
    return std::nullopt;
}

/// The row for one of the numeric kinds 'b', 'i', 'u', 'f', 'c' and a size in bytes, if any.
constexpr std::optional<dtype> from_kind(char kind, std::size_t itemsize) noexcept {
    for (const dtype_info& row : dtype_table)
        if (row.kind != 0 && row.kind == kind && row.itemsize == itemsize) return row.id;
    return std::nullopt;
}

namespace detail {

inline constexpr auto itemsize_exponents = [] {
    std::array<std::uint8_t, dtype_table.size()> exponents{};
    for (std::size_t i = 0; i < exponents.size(); ++i)
        while ((1U << exponents[i]) < dtype_table[i].itemsize) ++exponents[i];
    return exponents;
}();

inline constexpr std::size_t dlpack_codes = 18, dlpack_sizes = 17; // bytes of one lane, 0 to 16

/// Row by DLPack code and lane size, or -1: a lookup instead of a search.
inline constexpr auto dlpack_rows = [] {
    std::array<std::int8_t, dlpack_codes * dlpack_sizes> rows{};
    for (auto& row : rows) row = -1;
    for (const dtype_info& row : dtype_table)
        if (row.itemsize != 0)
            rows[static_cast<std::size_t>(row.dlpack.code) * dlpack_sizes + row.dlpack.bits / 8] =
                static_cast<std::int8_t>(row.id);
    return rows;
}();

/// Row by NPY_TYPES number, or -1. `long` and `long long` both find their fixed-width row.
inline constexpr auto numpy_rows = [] {
    constexpr std::size_t npy_long = 7, npy_ulong = 8, npy_longlong = 9, npy_ulonglong = 10, npy_half = 23;
    std::array<std::int8_t, npy_half + 1> rows{};
    for (auto& row : rows) row = -1;
    for (const dtype_info& row : dtype_table)
        if (row.numpy_number >= 0) rows[static_cast<std::uint8_t>(row.numpy_number)] = static_cast<std::int8_t>(row.id);
    rows[npy_long] = static_cast<std::int8_t>(*from_kind('i', sizeof(long)));
    rows[npy_ulong] = static_cast<std::int8_t>(*from_kind('u', sizeof(unsigned long)));
    rows[npy_longlong] = static_cast<std::int8_t>(dtype::int64);
    rows[npy_ulonglong] = static_cast<std::int8_t>(dtype::uint64);
    return rows;
}();

/// The order that a prefix of a format or typestr stands for. '|' and '@', '=', '^' are native.
constexpr std::optional<byte_order> order_of_prefix(char prefix) noexcept {
    switch (prefix) {
    case '@':
    case '=':
    case '^':
    case '|':
        return byte_order::native;
    case '<':
        return big_endian ? byte_order::swapped : byte_order::native;
    case '>':
    case '!':
        return big_endian ? byte_order::native : byte_order::swapped;
    default:
        return std::nullopt;
    }
}

constexpr element_type in_order(dtype id, byte_order order) noexcept {
    return {id, itemsize(id) == 1 ? byte_order::native : order};
}

/// The kind of a one-letter `struct` code, or 0.
constexpr char kind_of_code(char code) noexcept {
    constexpr std::string_view signed_codes = "bhilqn", unsigned_codes = "BHILQN", float_codes = "efd";
    if (code == '?') return 'b';
    if (signed_codes.find(code) != std::string_view::npos) return 'i';
    if (unsigned_codes.find(code) != std::string_view::npos) return 'u';
    if (float_codes.find(code) != std::string_view::npos) return 'f';
    return 0;
}

/// Whether a code may stand for elements of this size. 'l', 'n' and their unsigned forms are 4 or 8
/// bytes by platform, and the prefix does not decide: `ctypes` writes '<l' for 8-byte longs.
constexpr bool code_has_size(char code, std::size_t size) noexcept {
    constexpr std::string_view codes = "?bBhHiIqQefd";
    constexpr std::array<std::size_t, 12> sizes = {1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8};
    const std::size_t at = codes.find(code);
    return at == std::string_view::npos ? size == 4 || size == 8 : sizes[at] == size;
}

} // namespace detail

/// Itemsizes are powers of two; this is the exponent. Shifting is cheaper than dividing.
constexpr unsigned itemsize_exponent(dtype id) noexcept {
    return detail::itemsize_exponents[static_cast<std::size_t>(id)];
}

/// The row for a DLPack element type, if any.
constexpr std::optional<dtype> from_dlpack(dlpack::data_type type) noexcept {
    const auto code = static_cast<std::size_t>(type.code);
    const std::size_t size = type.bits / 8;
    if (code >= detail::dlpack_codes || size >= detail::dlpack_sizes) return std::nullopt;
    const std::int8_t row = detail::dlpack_rows[code * detail::dlpack_sizes + size];
    if (row < 0 || !same(dtype_table[static_cast<std::uint8_t>(row)].dlpack, type)) return std::nullopt;
    return static_cast<dtype>(row);
}

/// The row for an NPY_TYPES number, if any.
constexpr std::optional<dtype> from_numpy_number(int number) noexcept {
    if (number < 0 || static_cast<std::size_t>(number) >= detail::numpy_rows.size()) return std::nullopt;
    const std::int8_t row = detail::numpy_rows[static_cast<std::size_t>(number)];
    if (row < 0) return std::nullopt;
    return static_cast<dtype>(row);
}

/// Reads a PEP 3118 format for one element of `itemsize` bytes. Structured, repeated, padded and
/// pointer formats give nothing, nor do sizes that contradict the code.
constexpr std::optional<element_type> from_format(std::string_view format, std::size_t itemsize) noexcept {
    byte_order order = byte_order::native;
    if (!format.empty()) {
        if (const auto prefix = detail::order_of_prefix(format.front()); prefix && format.front() != '|') {
            order = *prefix;
            format.remove_prefix(1);
        }
    }
    const bool complex = format.size() == 2 && format.front() == 'Z';
    if (complex) format.remove_prefix(1);
    if (format.size() != 1) return std::nullopt;
    const char kind = detail::kind_of_code(format.front());
    if (kind == 0 || (complex && kind != 'f')) return std::nullopt;
    if (!detail::code_has_size(format.front(), complex ? itemsize / 2 : itemsize)) return std::nullopt;
    const auto id = from_kind(complex ? 'c' : kind, itemsize);
    if (!id) return std::nullopt;
    return detail::in_order(*id, order);
}

/// Reads an array interface typestr such as "<f4" (the prefix may be missing).
constexpr std::optional<element_type> from_typestr(std::string_view text) noexcept {
    byte_order order = byte_order::native;
    if (!text.empty()) {
        if (const auto prefix = detail::order_of_prefix(text.front())) {
            order = *prefix;
            text.remove_prefix(1);
        }
    }
    if (text.size() < 2 || text.size() > 3) return std::nullopt;
    std::size_t size = 0;
    for (const char digit : text.substr(1)) {
        if (digit < '0' || digit > '9') return std::nullopt;
        size = size * 10 + static_cast<std::size_t>(digit - '0');
    }
    const auto id = from_kind(text.front(), size);
    if (!id) return std::nullopt;
    return detail::in_order(*id, order);
}

/// PEP 3118 format in static storage (a `Py_buffer` may outlive its exporter's other strings), or
/// null if the protocol has no format for the dtype.
constexpr const char* format_of(element_type type) noexcept {
    const dtype_info& row = info(type.id);
    return type.order == byte_order::swapped ? row.swapped_format : row.format;
}

/// The array interface's typestr, such as "<f4", or nothing if it has none for the dtype.
std::optional<std::string> typestr_of(element_type type);

/// "float32"; for foreign byte order the typestr, e.g. ">f4". `numpy.dtype` reads both.
std::string name_of(element_type type);

/// "code 2, 32 bits, 1 lanes": a DLPack element type that may have no row.
std::string name_of(dlpack::data_type type);

/// The row of a C++ type: bool, fixed-width integers by size and sign, float, double and their
/// std::complex.
template <class T> constexpr std::optional<dtype> dtype_of() noexcept {
    using value = std::remove_cv_t<T>;
    if constexpr (std::is_same_v<value, bool>) return dtype::boolean;
    else if constexpr (std::is_integral_v<value>) return from_kind(std::is_signed_v<value> ? 'i' : 'u', sizeof(value));
    else if constexpr (std::is_same_v<value, float> || std::is_same_v<value, double>)
        return from_kind('f', sizeof(value));
    else if constexpr (std::is_same_v<value, std::complex<float>> || std::is_same_v<value, std::complex<double>>)
        return from_kind('c', sizeof(value));
    else return std::nullopt;
}

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/dtype.cpp"
#endif
