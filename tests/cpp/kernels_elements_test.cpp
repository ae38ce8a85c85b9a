/// Floating-point formats, additions and conversions, number by number, against the arithmetic of double.

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

#include "kernels/cast.hpp"
#include "kernels/grid.hpp"
#include "kernels/sum.hpp"
#include "support.hpp"

using namespace numpy_bridge::kernels;
using numpy_bridge::dtype;
using numpy_bridge_test::dice;

namespace {

/// What the bits of a float16 mean, from its definition.
double value_of(float16 x) {
    const int exponent = x.bits >> 10U & 31, fraction = x.bits & 1023;
    const double sign = (x.bits & 0x8000U) != 0 ? -1 : 1;
    if (exponent == 31) return fraction == 0 ? sign * HUGE_VAL : std::nan("");
    return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

bool same(double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

float16 half(unsigned bits) { return {static_cast<std::uint16_t>(bits)}; }

TEST(Float16, EveryNumberToFloatAndBack) {
    for (unsigned bits = 0; bits < 0x10000; ++bits) {
        const float wide = to_float(half(bits));
        ASSERT_TRUE(same(wide, value_of(half(bits)))) << bits;
        const float16 back = to_float16(wide);
        if (std::isnan(wide)) ASSERT_TRUE(std::isnan(to_float(back))) << bits;
        else ASSERT_EQ(back.bits, bits);
    }
}

/// Between every two neighbours: below the middle, the middle, and above, from float and from double.
TEST(Float16, RoundsToNearestAndTiesToEven) {
    for (unsigned bits = 0; bits < 0x7c00; ++bits) {
        const double below = value_of(half(bits));
        const double above = bits == 0x7bff ? 65536.0 : value_of(half(bits + 1));
        const double middle = (below + above) / 2;
        const unsigned even = bits % 2 == 0 ? bits : bits + 1;
        for (const unsigned sign : {0U, 0x8000U}) {
            const double s = sign == 0 ? 1 : -1;
            const auto single = static_cast<float>(middle);
            ASSERT_EQ(to_float16(static_cast<float>(s) * single).bits, even | sign);
            ASSERT_EQ(to_float16(static_cast<float>(s) * std::nextafter(single, 0.0F)).bits, bits | sign);
            ASSERT_EQ(to_float16(static_cast<float>(s) * std::nextafter(single, 1e9F)).bits, (bits + 1) | sign);
            ASSERT_EQ(cast<float16>(s * middle).bits, even | sign);
            ASSERT_EQ(cast<float16>(s * std::nextafter(middle, 0.0)).bits, bits | sign);
            ASSERT_EQ(cast<float16>(s * std::nextafter(middle, 1e9)).bits, (bits + 1) | sign);
        }
    }
}

TEST(Float16, WhatIsLargeOrNoNumber) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    for (const float large : {65520.0F, 1e6F, 3e38F, infinity}) {
        EXPECT_EQ(to_float16(large).bits, 0x7c00);
        EXPECT_EQ(to_float16(-large).bits, 0xfc00);
    }
    EXPECT_EQ(cast<float16>(1e300).bits, 0x7c00);
    EXPECT_TRUE(std::isnan(to_float(to_float16(std::nanf("")))));
    EXPECT_TRUE(std::isnan(to_float(cast<float16>(std::nan("")))));
    EXPECT_EQ(cast<float16>(1e-300).bits, 0);
    EXPECT_EQ(cast<float16>(-1e-300).bits, 0x8000);
}

TEST(Bfloat16, RoundsToNearestAndTiesToEven) {
    for (unsigned bits = 0; bits < 0x7f80; ++bits) {
        const auto number = [](unsigned b) { return to_float(bfloat16{static_cast<std::uint16_t>(b)}); };
        const double below = number(bits), above = bits == 0x7f7f ? std::ldexp(1.0, 128) : number(bits + 1);
        const double middle = (below + above) / 2;
        const auto single = static_cast<float>(middle); // exact: eight more bits would do
        const unsigned even = bits % 2 == 0 ? bits : bits + 1;
        ASSERT_EQ(to_bfloat16(number(bits)).bits, bits);
        ASSERT_EQ(to_bfloat16(single).bits, even);
        ASSERT_EQ(to_bfloat16(-std::nextafter(single, 0.0F)).bits, bits | 0x8000U);
        ASSERT_EQ(cast<bfloat16>(std::nextafter(middle, 0.0)).bits, bits);
        ASSERT_EQ(cast<bfloat16>(std::nextafter(middle, HUGE_VAL)).bits, bits + 1);
    }
    EXPECT_TRUE(std::isnan(to_float(to_bfloat16(bits_as<float>(0x7f800001U))))); // whose leading bits are infinity's
}

/// What the bits of a float8 mean, from its definition: digits of the significand after the point, bias of the
/// exponent.
double value_of(unsigned bits, int digits, int bias) {
    const int exponent = static_cast<int>(bits >> digits & (0x7fU >> digits));
    const int fraction = static_cast<int>(bits & ((1U << digits) - 1)), one = 1 << digits;
    const double sign = (bits & 0x80U) != 0 ? -1 : 1;
    return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias - digits)
                                 : std::ldexp(one + fraction, exponent - bias - digits));
}

/// Every finite number, and between every two neighbours: below the middle, the middle, and above.
template <class T> void expect_float8(int digits, int bias, unsigned largest, unsigned beyond) {
    const auto bits_of = [](float x) -> unsigned { return cast<T>(x).bits; };
    for (unsigned bits = 0; bits <= largest; ++bits) {
        const double below = value_of(bits, digits, bias), above = value_of(bits + 1, digits, bias);
        const auto exact = static_cast<float>(below), middle = static_cast<float>((below + above) / 2);
        const unsigned next = bits == largest ? beyond : bits + 1, even = bits % 2 == 0 ? bits : next;
        for (const unsigned sign : {0U, 0x80U}) {
            const float s = sign == 0 ? 1 : -1;
            ASSERT_EQ(to_float(T{static_cast<std::uint8_t>(bits | sign)}), s * exact);
            ASSERT_EQ(std::signbit(to_float(T{static_cast<std::uint8_t>(bits | sign)})), sign != 0);
            ASSERT_EQ(bits_of(s * exact), bits | sign);
            ASSERT_EQ(bits_of(s * middle), even | sign);
            ASSERT_EQ(bits_of(s * std::nextafter(middle, 0.0F)), bits | sign);
            ASSERT_EQ(bits_of(s * std::nextafter(middle, 1e9F)), next | sign);
        }
    }
    for (const float large : {1e6F, 3e38F, std::numeric_limits<float>::infinity()}) {
        EXPECT_EQ(bits_of(large), beyond);
        EXPECT_EQ(bits_of(-large), beyond | 0x80U);
    }
    EXPECT_TRUE(std::isnan(to_float(cast<T>(std::nanf("")))));
    EXPECT_EQ(bits_of(1e-30F), 0U);
    EXPECT_EQ(bits_of(-1e-30F), 0x80U);
}

TEST(Float8, E5m2IsShorterFloat16) {
    expect_float8<float8_e5m2>(2, 15, 0x7b, 0x7c);
    for (unsigned bits = 0x7d; bits < 0x80; ++bits)
        EXPECT_TRUE(std::isnan(to_float(float8_e5m2{static_cast<std::uint8_t>(bits)})));
    EXPECT_EQ(to_float(float8_e5m2{0x7c}), HUGE_VALF);
}

TEST(Float8, E4m3fnHasNoInfinity) {
    expect_float8<float8_e4m3fn>(3, 7, 0x7e, 0x7f);
    EXPECT_TRUE(std::isnan(to_float(float8_e4m3fn{0x7f})));
    EXPECT_TRUE(std::isnan(to_float(float8_e4m3fn{0xff})));
    EXPECT_EQ(to_float(float8_e4m3fn{0x7e}), 448.0F);
}

TEST(Sum, RoundsOnce) {
    dice random(2);
    for (int round = 0; round < 100'000; ++round) {
        const float16 a = half(static_cast<unsigned>(random.between(0, 0xffff)));
        const float16 b = half(static_cast<unsigned>(random.between(0, 0xffff)));
        const float16 exact = cast<float16>(value_of(a) + value_of(b)); // exact in double
        ASSERT_TRUE(same(value_of(sum(a, b)), value_of(exact))) << a.bits << " + " << b.bits;
    }
}

TEST(Sum, IntegersWrap) {
    EXPECT_EQ(sum<std::uint8_t>(200, 100), 44);
    EXPECT_EQ(sum<std::uint64_t>(~std::uint64_t{0}, 2), 1U);
    const complex<float> both = sum(complex<float>{1, 2}, complex<float>{3, 5});
    EXPECT_EQ(both.real, 4);
    EXPECT_EQ(both.imag, 7);
}

TEST(Cast, KindsNeverLoseTheirMeaning) {
    EXPECT_TRUE(can_cast(dtype::int64, dtype::int8));
    EXPECT_TRUE(can_cast(dtype::uint64, dtype::int8));
    EXPECT_FALSE(can_cast(dtype::int8, dtype::uint64));
    EXPECT_FALSE(can_cast(dtype::float32, dtype::int64));
    EXPECT_FALSE(can_cast(dtype::complex64, dtype::float64));
    EXPECT_TRUE(can_cast(dtype::bfloat16, dtype::float16));
    EXPECT_TRUE(can_cast(dtype::float8_e5m2, dtype::float8_e5m2));
    EXPECT_TRUE(can_cast(dtype::float8_e5m2, dtype::float32));
    EXPECT_TRUE(can_cast(dtype::bfloat16, dtype::float8_e4m3fn));
    EXPECT_FALSE(can_cast(dtype::float8_e5m2, dtype::float8_e4m3fn));
    EXPECT_FALSE(can_cast(dtype::float64, dtype::float8_e5m2));
    EXPECT_FALSE(can_cast(dtype::int8, dtype::float8_e5m2));
    EXPECT_FALSE(can_cast(dtype::float8_e5m2fnuz, dtype::float32));
    EXPECT_FALSE(can_cast(dtype::boolean, dtype::float4_e2m1fn_x2));
}

template <class Integer, class Float> void expect_truncation() {
    using limits = std::numeric_limits<Integer>;
    const auto lowest = static_cast<Float>(limits::min());
    const Float beyond = std::ldexp(Float{1}, limits::digits), last = std::nextafter(beyond, Float{0});
    EXPECT_EQ(cast<Integer>(Float{2.75}), 2);
    EXPECT_EQ(cast<Integer>(Float{-0.75}), 0);
    EXPECT_EQ(cast<Integer>(Float{-2.75}), std::is_signed_v<Integer> ? static_cast<Integer>(-2) : Integer{0});
    EXPECT_EQ(cast<Integer>(last), static_cast<Integer>(last));
    EXPECT_EQ(cast<Integer>(lowest), limits::min());
    for (const Float large : {beyond, std::nextafter(beyond, HUGE_VALF), std::numeric_limits<Float>::infinity()})
        EXPECT_EQ(cast<Integer>(large), limits::max());
    for (const Float small : {lowest - 1, 2 * lowest - 2, -std::numeric_limits<Float>::infinity()})
        EXPECT_EQ(cast<Integer>(small), limits::min());
    EXPECT_EQ(cast<Integer>(std::numeric_limits<Float>::quiet_NaN()), 0);
}

template <class... Integer> void expect_truncations() {
    (expect_truncation<Integer, float>(), ...);
    (expect_truncation<Integer, double>(), ...);
}

TEST(Cast, FloatsBecomeIntegersWithinTheirLimits) {
    expect_truncations<std::int8_t, std::int16_t, std::int32_t, std::int64_t>();
    expect_truncations<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>();
    EXPECT_EQ(cast<std::int16_t>(half(0x7c00)), 32767);
    EXPECT_EQ(cast<std::uint8_t>(half(0xfe00)), 0); // NaN
}

TEST(Cast, OnePairStandsForSeveral) {
    const auto stands_for = [](dtype to, dtype from) {
        const cast_pair same = representative({to, from});
        return std::pair(same.to, same.from);
    };
    EXPECT_EQ(stands_for(dtype::int8, dtype::int32), std::pair(dtype::uint8, dtype::uint32));
    EXPECT_EQ(stands_for(dtype::uint64, dtype::int32), std::pair(dtype::uint64, dtype::int32));
    EXPECT_EQ(stands_for(dtype::int32, dtype::float32), std::pair(dtype::int32, dtype::float32));
    EXPECT_EQ(stands_for(dtype::boolean, dtype::int16), std::pair(dtype::boolean, dtype::uint16));
    EXPECT_EQ(stands_for(dtype::int8, dtype::complex64), std::pair(dtype::int8, dtype::float32));
    EXPECT_EQ(stands_for(dtype::boolean, dtype::complex64), std::pair(dtype::boolean, dtype::complex64));
    EXPECT_TRUE(is_move({dtype::float16, dtype::complex32}));
    EXPECT_FALSE(is_move({dtype::uint8, dtype::boolean}));
}

TEST(Divider, DividesLikeTheProcessor) {
    dice random(3);
    for (int round = 0; round < 200'000; ++round) {
        const auto bits = [&] { return random.between(0, std::int64_t{1} << random.between(0, 30)); };
        const auto divisor = static_cast<std::uint32_t>(bits() + 1), n = static_cast<std::uint32_t>(bits());
        ASSERT_EQ(divider::by(divisor).quotient(n), n / divisor) << n << " / " << divisor;
    }
    for (const std::uint32_t divisor : {1U, 2U, 3U, 0x7fffffffU})
        for (const std::uint32_t n : {0U, 1U, divisor - 1, divisor, 0x7ffffffeU, 0x7fffffffU})
            EXPECT_EQ(divider::by(divisor).quotient(n), n / divisor);
}

} // namespace
