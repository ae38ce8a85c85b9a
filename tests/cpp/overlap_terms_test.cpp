/// The number theory under `overlaps`, piece by piece against trying every number.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include <gtest/gtest.h>

#include "support.hpp"
#include <engine/bounded_sum.hpp>

using numpy_bridge::detail::first_multiple_in;
using numpy_bridge::detail::interval;
using numpy_bridge::detail::one_term_meets;
using numpy_bridge::detail::term;
using numpy_bridge::detail::two_terms_meet;
using numpy_bridge_test::dice;

namespace {

std::optional<std::uint64_t> first_multiple_by_trying(std::uint64_t step, std::uint64_t modulus, interval wanted) {
    for (std::uint64_t t = 0; t < modulus; ++t) // then everything repeats
        if (const std::uint64_t rest = step * t % modulus; rest >= wanted.low && rest <= wanted.high) return t;
    return std::nullopt;
}

TEST(first_multiple_in, is_what_trying_all_finds) {
    for (std::uint64_t modulus = 2; modulus <= 26; ++modulus)
        for (std::uint64_t step = 0; step <= modulus + 2; ++step)
            for (std::uint64_t low = 1; low < modulus; ++low)
                for (std::uint64_t high = low; high < modulus; ++high)
                    ASSERT_EQ(first_multiple_in(step, modulus, low, high),
                              first_multiple_by_trying(step, modulus, {low, high}))
                        << step << " mod " << modulus << " in " << low << " to " << high;
}

TEST(first_multiple_in, is_what_trying_all_finds_for_larger_numbers) {
    for (const std::uint64_t modulus : {997u, 1000u, 1024u, 2310u})
        for (std::uint64_t step = 1; step < modulus; step += 13)
            for (const std::uint64_t width : {0u, 1u, 14u})
                for (std::uint64_t low = 1; low + width < modulus; low += 101)
                    ASSERT_EQ(first_multiple_in(step, modulus, low, low + width),
                              first_multiple_by_trying(step, modulus, {low, low + width}))
                        << step << " mod " << modulus << " in " << low << " to " << low + width;
}

TEST(first_multiple_in, does_not_overflow_near_the_largest_numbers) {
    constexpr std::uint64_t odd = (std::uint64_t{1} << 63) + 29, most = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(first_multiple_in(1, odd, odd - 1, odd - 1), odd - 1);
    EXPECT_EQ(first_multiple_in(odd - 1, odd, 1, 1), odd - 1); // -1 * (odd - 1) = 1
    EXPECT_EQ(first_multiple_in(2, odd, 1, 1), (odd + 1) / 2);
    EXPECT_EQ(first_multiple_in(odd - 2, odd, odd - 1, odd - 1), (odd + 1) / 2);
    EXPECT_EQ(first_multiple_in(2, most - 1, 1, 1), std::nullopt); // even numbers only
    EXPECT_EQ(first_multiple_in(most, most, 1, most - 1), std::nullopt);
    EXPECT_EQ(first_multiple_in(most - 1, most, most - 1, most - 1), 1u);
}

bool any_sum_within(const term& large, const term& small, interval target) {
    for (std::uint64_t x = 0; x <= large.limit; ++x)
        for (std::uint64_t y = 0; y <= small.limit; ++y)
            if (const std::uint64_t sum = large.step * x + small.step * y; sum >= target.low && sum <= target.high)
                return true;
    return false;
}

TEST(two_terms, meet_a_target_where_trying_all_finds_a_sum) {
    for (std::uint64_t large = 1; large <= 11; ++large)
        for (std::uint64_t small = 1; small <= large; ++small)
            for (const std::uint64_t large_limit : {1u, 3u, 6u})
                for (const std::uint64_t small_limit : {1u, 2u, 7u})
                    for (const std::uint64_t width : {0u, 1u, 2u, 5u})
                        for (std::uint64_t low = 0; low <= large * large_limit + small * small_limit + 3; ++low) {
                            const term first{large, large_limit}, second{small, small_limit};
                            const interval target{low, low + width};
                            ASSERT_EQ(two_terms_meet(first, second, target), any_sum_within(first, second, target))
                                << large << " * (0 to " << large_limit << ") + " << small << " * (0 to " << small_limit
                                << ") in " << low << " to " << low + width;
                        }
}

TEST(two_terms, meet_targets_near_the_largest_numbers) {
    constexpr std::uint64_t large = (std::uint64_t{1} << 32) + 15, small = (std::uint64_t{1} << 31) + 11; // coprime
    const term first{large, 1u << 30}, second{small, 1u << 31};
    const std::uint64_t sum = large * 1'000'000'007 + small * 2'000'000'011;
    EXPECT_TRUE(two_terms_meet(first, second, {sum, sum}));
    EXPECT_TRUE(two_terms_meet(first, second, {sum - 5, sum + 5}));
    EXPECT_FALSE(two_terms_meet(first, second, {sum + 1, sum + 1}));
    const std::uint64_t all = first.reach() + second.reach();
    EXPECT_TRUE(two_terms_meet(first, second, {all, all}));
    EXPECT_FALSE(two_terms_meet(first, second, {all + 1, all + 100}));
    EXPECT_FALSE(two_terms_meet(first, second, {all - small + 1, all - 1}));
}

bool any_sum_within_by_dividing(const term& large, const term& small, interval target) {
    for (std::uint64_t x = 0; x <= large.limit && large.step * x <= target.high; ++x) {
        const std::uint64_t y = std::min((target.high - large.step * x) / small.step, small.limit);
        if (large.step * x + small.step * y >= target.low) return true;
    }
    return false;
}

TEST(two_terms, meet_targets_that_a_long_walk_would_need) {
    dice random(3);
    constexpr std::int64_t step = std::int64_t{1} << 52;
    const auto draw = [&](std::int64_t low, std::int64_t high) -> std::uint64_t {
        return static_cast<std::uint64_t>(random.between(low, high));
    };
    int together = 0;
    for (int i = 0; i < 20'000; ++i) {
        const term small{draw(step / 2, step), draw(1, 500)}, large{draw(step, step * 2), draw(1, 500)};
        const std::uint64_t sum_of_large = large.step * (draw(0, 500) % (large.limit + 1));
        const std::uint64_t sum_of_small = small.step * (1 + draw(0, 499) % small.limit);
        const std::uint64_t width = std::uint64_t{1} << draw(0, 49), sum = sum_of_large + sum_of_small;
        const interval target = random.once_in(2) ? interval{sum - width, sum} : interval{sum + 1, sum + width};
        const bool expected = any_sum_within_by_dividing(large, small, target);
        ASSERT_EQ(two_terms_meet(large, small, target), expected) << "pair " << i;
        together += expected ? 1 : 0;
    }
    EXPECT_GT(together, 4'000);
    EXPECT_LT(together, 16'000);
}

TEST(one_term, meets_a_target_that_holds_one_of_its_multiples) {
    const term sevens{7, 3}; // 0, 7, 14, 21
    EXPECT_TRUE(one_term_meets(sevens, {0, 0}));
    EXPECT_FALSE(one_term_meets(sevens, {1, 6}));
    EXPECT_TRUE(one_term_meets(sevens, {1, 7}));
    EXPECT_TRUE(one_term_meets(sevens, {21, 27}));
    EXPECT_FALSE(one_term_meets(sevens, {22, 100}));
}

} // namespace
