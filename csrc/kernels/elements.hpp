/// The C++ types of elements that are computed with, and the floating-point formats that C++17 lacks.
#pragma once

#include <cstdint>
#include <cstring>
#include <tuple>

#include <numpy_bridge/dtype.hpp>

#include "host_device.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// The bits of one type as another of the same size.
template <class To, class From> NUMPY_BRIDGE_HOST_DEVICE inline To bits_as(From from) noexcept {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

/// A truth value, whatever bits other than 0 stand for true.
struct boolean {
    std::uint8_t bits;
};
struct float16 {
    std::uint16_t bits;
};
struct bfloat16 {
    std::uint16_t bits;
};

/// A complex number: std::complex cannot hold the two above, and brings NaN handling that sums do not need.
template <class T> struct complex {
    T real, imag;
};

/// The types of numbers, in the order of the dtype table; what follows there can be moved, not computed with.
using number_types = std::tuple<boolean, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                                std::uint16_t, std::uint32_t, std::uint64_t, float16, float, double, complex<float16>,
                                complex<float>, complex<double>, bfloat16>;
inline constexpr std::size_t number_type_count = std::tuple_size_v<number_types>;
static_assert(static_cast<std::size_t>(dtype::bfloat16) + 1 == number_type_count);

constexpr bool is_number(dtype id) noexcept { return static_cast<std::size_t>(id) < number_type_count; }

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
    // Below the least normal number the exponent is a constant, and the leading bit is not implied: let the
    // floating-point unit take it off.
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
    // The last bit of 0.5 weighs as much as that of a subnormal float16, so adding 0.5 rounds right.
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

/// A float that rounds to the same shorter number as `x` does: of the two around `x`, the one whose last bit is set.
/// Going through the nearest float instead would round twice.
NUMPY_BRIDGE_HOST_DEVICE inline float rounded_to_odd(double x) noexcept {
    const auto nearest = static_cast<float>(x);
    auto bits = bits_as<std::uint32_t>(nearest);
    const double error = x - static_cast<double>(nearest);
    const bool inexact = error != 0 && error == error && (bits & 0x7f800000U) != 0x7f800000U;
    if (!inexact) return nearest; // infinities are none of shorter formats' numbers either
    const bool away_from_zero = (error < 0) == (x > 0);
    if (away_from_zero) --bits;
    return bits_as<float>(bits | 1U);
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
