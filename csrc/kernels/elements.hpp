/// The C++ types of elements, the choice of one by dtype, and the floating-point formats that C++17 lacks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>

#include <numpy_bridge/dtype.hpp>

#include "host_device.hpp"
#include "simd.hpp"

// Instructions that convert a float8.
#if defined(__CUDA_ARCH__)
#define NUMPY_BRIDGE_DEVICE_HAS_FLOAT8 (__CUDA_ARCH__ >= 890)
#else
#define NUMPY_BRIDGE_DEVICE_HAS_FLOAT8 0
#endif

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// The bits of one type as another of the same size.
template <class To, class From> NUMPY_BRIDGE_HOST_DEVICE inline To bits_as(From from) noexcept {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

/// A truth value: true if any bit is set.
struct boolean {
    std::uint8_t bits;
};
struct float16 {
    std::uint16_t bits;
};
struct bfloat16 {
    std::uint16_t bits;
};
struct float8_e4m3fn {
    std::uint8_t bits;
};
struct float8_e5m2 {
    std::uint8_t bits;
};

/// A complex number. std::complex cannot hold the two formats above, and its NaN handling is of no use for sums.
template <class T> struct complex {
    T real, imag;
};
/// The widest elements, which are moved but not computed with.
struct alignas(16) bits128 {
    std::uint64_t low, high;
};

namespace detail {

template <class T> struct part_of {
    using type = T;
};
template <class T> struct part_of<complex<T>> {
    using type = T;
};

} // namespace detail

/// The type of the real and the imaginary part; that of the number itself if it is real.
template <class T> using part_of = typename detail::part_of<T>::type;
template <class T> inline constexpr bool has_parts = !std::is_same_v<part_of<T>, T>;

/// The types of numbers, in the order of `dtype`. The dtypes after them are moved, but not computed with.
using number_types = std::tuple<boolean, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                                std::uint16_t, std::uint32_t, std::uint64_t, float16, float, double, complex<float16>,
                                complex<float>, complex<double>, bfloat16>;
inline constexpr std::size_t number_type_count = std::tuple_size_v<number_types>;
static_assert(static_cast<std::size_t>(dtype::bfloat16) + 1 == number_type_count);

/// These are converted to and from longer floats, but not computed with.
constexpr bool is_float8(dtype id) noexcept { return id == dtype::float8_e4m3fn || id == dtype::float8_e5m2; }
template <class T>
inline constexpr bool is_float8_type = std::is_same_v<T, float8_e4m3fn> || std::is_same_v<T, float8_e5m2>;

constexpr bool is_number(dtype id) noexcept { return static_cast<std::size_t>(id) < number_type_count; }
constexpr bool is_integer(dtype id) noexcept { return id >= dtype::int8 && id <= dtype::uint64; }

/// The unsigned integer of the same size.
constexpr dtype as_unsigned(dtype id) noexcept {
    constexpr int to_unsigned = static_cast<int>(dtype::uint8) - static_cast<int>(dtype::int8);
    static_assert(static_cast<int>(dtype::uint64) - static_cast<int>(dtype::int64) == to_unsigned);
    return id >= dtype::int8 && id <= dtype::int64 ? static_cast<dtype>(static_cast<int>(id) + to_unsigned) : id;
}
constexpr bool is_complex(dtype id) noexcept { return info(id).dlpack.code == dlpack::type_code::complex; }

namespace detail {

template <class T, class... Number> constexpr dtype find_dtype(const std::tuple<Number...>*) noexcept {
    std::size_t index = 0;
    static_cast<void>(((std::is_same_v<T, Number> || (++index, false)) || ...));
    return static_cast<dtype>(index);
}

} // namespace detail

/// The dtype of T, one of `number_types` or a float8.
template <class T>
inline constexpr dtype dtype_of_number = detail::find_dtype<T>(static_cast<const number_types*>(nullptr));
template <> inline constexpr dtype dtype_of_number<float8_e4m3fn> = dtype::float8_e4m3fn;
template <> inline constexpr dtype dtype_of_number<float8_e5m2> = dtype::float8_e5m2;

namespace detail {

NUMPY_BRIDGE_ANY_BODY
template <class Body, class... Number>
NUMPY_BRIDGE_HOST_DEVICE NUMPY_BRIDGE_EVERYWHERE inline void with_number(dtype id, const Body& body,
                                                                         const std::tuple<Number...>*) {
    static_cast<void>(((id == dtype_of_number<Number> && (body(Number{}), true)) || ...));
}

} // namespace detail

/// Calls `body` with a zero of the C++ type of `id`, which is a number.
NUMPY_BRIDGE_ANY_BODY
template <class Body>
NUMPY_BRIDGE_HOST_DEVICE NUMPY_BRIDGE_EVERYWHERE inline void with_number(dtype id, const Body& body) {
    detail::with_number(id, body, static_cast<const number_types*>(nullptr));
}

/// The same for a number or a float8.
NUMPY_BRIDGE_ANY_BODY
template <class Body> NUMPY_BRIDGE_HOST_DEVICE inline void with_number_or_float8(dtype id, const Body& body) {
    if (id == dtype::float8_e4m3fn) body(float8_e4m3fn{});
    else if (id == dtype::float8_e5m2) body(float8_e5m2{});
    else with_number(id, body);
}

/// Calls `body` with a zero of the unsigned type of `size` bytes, a power of two up to 16.
NUMPY_BRIDGE_ANY_BODY
template <class Body> NUMPY_BRIDGE_HOST_DEVICE inline void with_bits(std::int64_t size, const Body& body) {
    switch (size) {
    case 1:
        return body(std::uint8_t{});
    case 2:
        return body(std::uint16_t{});
    case 4:
        return body(std::uint32_t{});
    case 8:
        return body(std::uint64_t{});
    default:
        return body(bits128{});
    }
}

/// Exact. NaNs keep their sign and their leading bits.
NUMPY_BRIDGE_HOST_DEVICE inline float to_float(float16 x) noexcept {
#if defined(__CUDA_ARCH__)
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(x.bits));
    return result;
#else
    const std::uint32_t sign = (x.bits & 0x8000U) << 16U, magnitude = x.bits & 0x7fffU;
    const std::uint32_t rescaled = (magnitude << 13U) + ((127 - 15) << 23U);
    const std::uint32_t special = magnitude >= 0x7c00U ? (127U - 15) << 23U : 0; // infinities and NaNs
    // Below the smallest normal number there is no implied leading bit: the subtraction removes it.
    const float subnormal = bits_as<float>((magnitude << 13U) + ((127 - 15 + 1) << 23U)) - 6.103515625e-05F;
    const std::uint32_t value = magnitude < 0x0400U ? bits_as<std::uint32_t>(subnormal) : rescaled + special;
    return bits_as<float>(value | sign);
#endif
}

NUMPY_BRIDGE_HOST_DEVICE inline float to_float(bfloat16 x) noexcept {
    return bits_as<float>(static_cast<std::uint32_t>(x.bits) << 16U);
}

/// To nearest, ties to even; beyond the largest number to infinity.
NUMPY_BRIDGE_HOST_DEVICE inline float16 to_float16(float x) noexcept {
#if defined(__CUDA_ARCH__)
    float16 result;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
    return result;
#else
    const auto bits = bits_as<std::uint32_t>(x);
    const std::uint32_t sign = bits >> 16U & 0x8000U, magnitude = bits & 0x7fffffffU;
    const std::uint32_t odd = magnitude >> 13U & 1U;
    const std::uint32_t normal = (magnitude + 0x0fffU + odd - ((127U - 15U) << 23U)) >> 13U;
    // The last bit of 0.5F is worth as much as that of a subnormal float16, so adding 0.5F rounds correctly.
    const std::uint32_t subnormal = bits_as<std::uint32_t>(bits_as<float>(magnitude) + 0.5F) - 0x3f000000U;
    const std::uint32_t finite = magnitude < 0x38800000U ? subnormal : normal;
    const std::uint32_t special = magnitude > 0x7f800000U ? 0x7e00U | (magnitude >> 13U & 0x03ffU) : 0x7c00U;
    return {static_cast<std::uint16_t>(sign | (magnitude >= 0x47800000U ? special : finite))};
#endif
}

/// To nearest, ties to even. NaNs stay NaNs.
NUMPY_BRIDGE_HOST_DEVICE inline bfloat16 to_bfloat16(float x) noexcept {
    const auto bits = bits_as<std::uint32_t>(x);
    const std::uint32_t rounded = bits + 0x7fffU + (bits >> 16U & 1U);
    const bool nan = (bits & 0x7fffffffU) > 0x7f800000U;
    return {static_cast<std::uint16_t>(nan ? bits >> 16U | 0x0040U : rounded >> 16U)};
}

/// Exact: the format is the first byte of a float16.
NUMPY_BRIDGE_HOST_DEVICE inline float to_float(float8_e5m2 x) noexcept {
    return to_float(float16{static_cast<std::uint16_t>(x.bits << 8U)});
}

/// Exact. The format has no infinities, and one NaN of each sign.
NUMPY_BRIDGE_HOST_DEVICE inline float to_float(float8_e4m3fn x) noexcept {
#if NUMPY_BRIDGE_DEVICE_HAS_FLOAT8
    std::uint32_t halves; // of two numbers, the second of which is 0
    asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(halves) : "h"(static_cast<std::uint16_t>(x.bits)));
    return to_float(float16{static_cast<std::uint16_t>(halves)});
#else
    const std::uint32_t sign = (x.bits & 0x80U) << 24U, magnitude = x.bits & 0x7fU;
    const std::uint32_t normal = (magnitude << 20U) + ((127 - 7) << 23U);
    // Below the smallest normal number there is no implied leading bit: the subtraction removes it.
    const float subnormal = bits_as<float>((magnitude << 20U) + ((127 - 7 + 1) << 23U)) - 0.015625F;
    const std::uint32_t finite = magnitude < 0x08U ? bits_as<std::uint32_t>(subnormal) : normal;
    return bits_as<float>(sign | (magnitude == 0x7fU ? 0x7fc00000U : finite));
#endif
}

/// To nearest, ties to even; beyond the largest number to infinity.
NUMPY_BRIDGE_HOST_DEVICE inline float8_e5m2 to_float8_e5m2(float x) noexcept {
    const auto bits = bits_as<std::uint32_t>(x);
    const std::uint32_t sign = bits >> 24U & 0x80U, magnitude = bits & 0x7fffffffU;
#if NUMPY_BRIDGE_DEVICE_HAS_FLOAT8
    std::uint16_t numbers; // 0 and x; what is too large becomes the largest number
    asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(numbers) : "f"(0.0F), "f"(x));
    const bool infinite = magnitude >= 0x47700000U && magnitude <= 0x7f800000U; // from 61440 on
    return {static_cast<std::uint8_t>(infinite ? sign | 0x7cU : numbers)};
#else
    const std::uint32_t odd = magnitude >> 21U & 1U;
    const std::uint32_t normal = (magnitude + 0x000fffffU + odd - ((127U - 15U) << 23U)) >> 21U;
    // The last bit of 128.0F is worth as much as that of a subnormal number, so adding 128.0F rounds correctly.
    const std::uint32_t subnormal = bits_as<std::uint32_t>(bits_as<float>(magnitude) + 128.0F) - 0x43000000U;
    const std::uint32_t finite = magnitude < 0x38800000U ? subnormal : normal;
    const std::uint32_t special = magnitude > 0x7f800000U ? 0x7eU : 0x7cU;
    return {static_cast<std::uint8_t>(sign | (magnitude >= 0x47800000U ? special : finite))};
#endif
}

/// To nearest, ties to even; beyond the largest number to NaN, as the format has no infinities.
NUMPY_BRIDGE_HOST_DEVICE inline float8_e4m3fn to_float8_e4m3fn(float x) noexcept {
    const auto bits = bits_as<std::uint32_t>(x);
    const std::uint32_t sign = bits >> 24U & 0x80U, magnitude = bits & 0x7fffffffU;
#if NUMPY_BRIDGE_DEVICE_HAS_FLOAT8
    std::uint16_t numbers; // as above
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(numbers) : "f"(0.0F), "f"(x));
    return {static_cast<std::uint8_t>(magnitude > 0x43e80000U ? sign | 0x7fU : numbers)}; // beyond 464
#else
    const std::uint32_t odd = magnitude >> 20U & 1U;
    const std::uint32_t normal = (magnitude + 0x0007ffffU + odd - ((127U - 7U) << 23U)) >> 20U;
    // As above, for 2**14.
    const std::uint32_t subnormal = bits_as<std::uint32_t>(bits_as<float>(magnitude) + 16384.0F) - 0x46800000U;
    const std::uint32_t finite = magnitude < 0x3c800000U ? subnormal : normal;
    return {static_cast<std::uint8_t>(sign | (magnitude >= 0x43f00000U ? 0x7fU : finite))};
#endif
}

/// A float that rounds to the same shorter format as `x` does: of the two neighbours of `x`, the one with an odd last
/// bit. Rounding to the nearest float first would round twice.
NUMPY_BRIDGE_HOST_DEVICE inline float rounded_to_odd(double x) noexcept {
    const auto nearest = static_cast<float>(x);
    auto bits = bits_as<std::uint32_t>(nearest);
    const double error = x - static_cast<double>(nearest);
    const bool inexact = error != 0 && error == error && (bits & 0x7f800000U) != 0x7f800000U;
    if (!inexact) return nearest; // or infinite, as it is in the shorter format
    const bool away_from_zero = (error < 0) == (x > 0);
    if (away_from_zero) --bits;
    return bits_as<float>(bits | 1U);
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
