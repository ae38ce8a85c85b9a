/// Iterations visit every pair of elements once, whatever becomes of the loops.

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/copy_grid.hpp"
#include "kernels/row_groups.hpp"
#include "kernels/walk.hpp"
#include "kernels_support.hpp"

using namespace numpy_bridge_test;
using namespace numpy_bridge::kernels;
using numpy_bridge::dtype;

namespace {

using pairs = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

struct two_layouts {
    array target;
    std::uint64_t source = 0;
    extents source_strides;

    iteration iterated() const { return iterate(target.memory(), at(source), source_strides.data()); }
    pairs expected() const {
        pairs all = element_pairs(target, source, source_strides);
        std::sort(all.begin(), all.end());
        return all;
    }
};

two_layouts random_layouts(dice& random, std::int64_t most_elements = 60) {
    two_layouts l;
    const extents shape = random_extents(random, most_elements);
    l.target = {1 << 20, dtype::float32, shape, nested_strides(random, shape, 4, 4)};
    l.source = 1 << 22;
    l.source_strides = nested_strides(random, shape, 4, 4);
    for (std::int64_t& stride : l.source_strides)
        if (random.once_in(5)) stride = 0;
    return l;
}

pairs visited(const iteration& it) {
    pairs all;
    for_each_row(it, [&](const loop& row, std::byte* target, const std::byte* source) {
        for (std::int64_t i = 0; i < row.extent; ++i)
            all.emplace_back(reinterpret_cast<std::uint64_t>(target) + static_cast<std::uint64_t>(i * row.target),
                             reinterpret_cast<std::uint64_t>(source) + static_cast<std::uint64_t>(i * row.source));
    });
    return all;
}

pairs sorted(pairs all) {
    std::sort(all.begin(), all.end());
    return all;
}

TEST(Iteration, VisitsEveryPairOnce) {
    dice random(4);
    for (int round = 0; round < 10'000; ++round) {
        const two_layouts l = random_layouts(random);
        const iteration it = l.iterated();
        ASSERT_EQ(sorted(visited(it)), l.expected()) << l.target;
        ASSERT_EQ(it.elements(), static_cast<std::int64_t>(l.expected().size()));
    }
}

TEST(Iteration, PackedMemoryIsOneLoop) {
    const array c = c_order(1 << 20, dtype::float64, {3, 1, 4, 5}), f = c.transposed();
    for (const array& packed : {c, f, c.reversed(0).reversed(2).reversed(3)}) {
        const iteration it = iterate(packed.memory(), at(packed.address), packed.strides.data());
        ASSERT_EQ(it.count, 1);
        EXPECT_EQ(it.loops[0].extent, 60);
        EXPECT_EQ(it.loops[0].target, 8);
        EXPECT_EQ(it.loops[0].source, 8);
        EXPECT_EQ(it.target, at(1 << 20));
    }
    const iteration rows =
        iterate(c.sliced(2, 0, 3).memory(), at(1 << 22), c_order(0, dtype::float64, {3, 1, 3, 5}).strides.data());
    EXPECT_EQ(rows.count, 2);
    EXPECT_EQ(rows.loops[0].extent, 15);
}

TEST(Iteration, BroadcastsByTheRulesOfNumPy) {
    const array row = c_order(64, dtype::float64, {4}), column = c_order(64, dtype::float64, {3, 1});
    const extents shape = {2, 3, 4};
    numpy_bridge::dims strides;
    ASSERT_TRUE(broadcast_strides(row.memory(), 3, shape.data(), strides));
    EXPECT_EQ((extents{strides[0], strides[1], strides[2]}), (extents{0, 0, 8}));
    ASSERT_TRUE(broadcast_strides(column.memory(), 3, shape.data(), strides));
    EXPECT_EQ((extents{strides[0], strides[1], strides[2]}), (extents{0, 8, 0}));
    EXPECT_FALSE(broadcast_strides(c_order(64, dtype::float64, {3}).memory(), 3, shape.data(), strides));
    EXPECT_FALSE(broadcast_strides(c_order(64, dtype::float64, {1, 2, 3, 4}).memory(), 3, shape.data(), strides));
    EXPECT_FALSE(broadcast_strides(c_order(64, dtype::float64, {0}).memory(), 1, shape.data(), strides));
}

/// Parts of memory that is too large to index with 31 bits; nothing is read.
TEST(Iteration, PartsFitAndMakeUpTheWhole) {
    dice random(5);
    for (int round = 0; round < 60; ++round) {
        iteration it;
        it.target = at(std::uint64_t{1} << 60U); // far from both ends of the address space
        it.source = at(std::uint64_t{1} << 60U);
        it.count = static_cast<int>(random.between(1, 4));
        std::int64_t step = random.between(1, 16);
        for (int i = 0; i < it.count; ++i) {
            it.loops[static_cast<std::size_t>(i)] = {random.between(2, i == 0 ? std::int64_t{1} << 31U : 40), step,
                                                     random.between(-3, 3) * step};
            step *= it.loops[static_cast<std::size_t>(i)].extent + random.between(0, 1);
        }
        std::int64_t elements = 0, parts = 0;
        const std::byte* last = nullptr;
        for_each_part(it, [&](const iteration& part) {
            ASSERT_TRUE(fits_31_bits(part));
            for (int i = 0; i < part.count; ++i) ASSERT_GT(part.loops[static_cast<std::size_t>(i)].extent, 1);
            elements += part.elements();
            if (it.count == 1 && last != nullptr) {
                ASSERT_GT(part.target, last);
            }
            last = part.target;
            ++parts;
        });
        ASSERT_EQ(elements, it.elements());
        ASSERT_LE(parts, 4 * it.elements() * 16 * 4 / (std::int64_t{1} << 31U) + 100);
    }
}

/// Or all parts but the first would have to do without vectors.
TEST(Iteration, PartsOfARowAreAlignedAsTheRowIs) {
    for (const std::int64_t extent : {300'000'002LL, 1'000'000'001LL, 5'000'000'063LL}) {
        iteration it;
        it.target = at(std::uint64_t{1} << 60U);
        it.source = at(std::uint64_t{1} << 61U);
        it.count = 1;
        it.loops[0] = {extent, 4, 8};
        int parts = 0;
        for_each_part(it, [&](const iteration& part) {
            EXPECT_EQ((part.target - it.target) % (64 * 4), 0);
            EXPECT_EQ((part.source - it.source) % (64 * 8), 0);
            ++parts;
        });
        EXPECT_GT(parts, 1);
    }
}

TEST(Iteration, PartsOfSmallMemoryVisitTheSamePairs) {
    const two_layouts l{c_order(1 << 20, dtype::float32, {6, 7, 8}), 1 << 22, {7 * 8 * 4, 8 * 4, 4}};
    iteration it = l.iterated();
    it.loops[0].extent = 6 * 7 * 8;
    pairs all;
    for_each_part(it, [&](const iteration& part) {
        const pairs some = visited(part);
        all.insert(all.end(), some.begin(), some.end());
    });
    EXPECT_EQ(sorted(all), l.expected());
}

/// Bytes instead of elements: every byte of every element, in whatever units.
pairs bytes_of(const pairs& elements, std::int64_t size) {
    pairs all;
    for (const auto& [target, source] : elements)
        for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(size); ++i) all.emplace_back(target + i, source + i);
    return sorted(all);
}

TEST(Regroup, MovesTheSameBytesInAlignedUnits) {
    dice random(6);
    std::array<int, 17> seen{};
    for (int round = 0; round < 10'000; ++round) {
        two_layouts l = random_layouts(random, 40);
        l.target.address += static_cast<std::uint64_t>(random.between(0, 2) * random.between(0, 8));
        l.source += l.target.address % 16 * static_cast<std::uint64_t>(random.between(0, 1));
        iteration it = l.iterated();
        const std::int64_t unit = regroup(it, 4);
        ++seen[static_cast<std::size_t>(unit)];
        ASSERT_EQ(bytes_of(visited(it), unit), bytes_of(l.expected(), 4)) << l.target << " in units of " << unit;
        for (const auto& [target, source] : visited(it)) {
            ASSERT_EQ(target % static_cast<std::uint64_t>(unit), 0U);
            ASSERT_EQ(source % static_cast<std::uint64_t>(unit), 0U);
        }
    }
    for (const std::size_t unit : {1U, 2U, 4U, 8U, 16U}) EXPECT_GT(seen[unit], 100) << unit;
}

TEST(StridedWalk, FindsEveryElement) {
    dice random(7);
    for (int round = 0; round < 5'000; ++round) {
        const two_layouts l = random_layouts(random);
        const strided_walk walk = strided_walk::of(l.iterated());
        pairs all;
        for (std::uint32_t i = 0; i < walk.elements; ++i) {
            const offsets o = walk.of(i);
            all.emplace_back(reinterpret_cast<std::uint64_t>(walk.target + o.target),
                             reinterpret_cast<std::uint64_t>(walk.source + o.source));
        }
        ASSERT_EQ(sorted(all), l.expected()) << l.target;
    }
}

template <std::uint32_t Size> void expect_groups_of_rows(std::uint32_t misaligned, std::int64_t elements) {
    constexpr std::uint32_t lanes = 16 / Size;
    std::byte* const target = at(4096 + misaligned);
    iteration it;
    it.target = target;
    it.count = 2;
    it.loops[0] = {elements, Size, 0};
    it.loops[1] = {3, 2048, 0};
    const auto groups = row_groups::of(it, lanes, Size, 0);
    if (!groups) {
        ASSERT_LT(elements, 8 * lanes) << "long rows are mostly whole groups";
        return;
    }
    std::map<const std::byte*, int> seen;
    for (std::uint32_t item = 0; item < groups->items(); ++item) {
        group_place found[1];
        groups->find<Size, 0, lanes>({item}, found);
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(found[0].target) % 16, 0U);
        std::uint32_t inside = 0;
        for (std::uint32_t lane = 0; lane < lanes; ++lane)
            if (groups->contains(found[0].first, lane)) ++inside, ++seen[found[0].target + lane * Size];
        ASSERT_EQ(groups->is_whole<lanes>(found[0].first), inside == lanes);
    }
    ASSERT_EQ(seen.size(), 3 * static_cast<std::size_t>(elements));
    for (std::int64_t row = 0; row < 3; ++row)
        for (std::int64_t i = 0; i < elements; ++i) ASSERT_EQ(seen[target + 2048 * row + i * std::int64_t{Size}], 1);
}

TEST(RowGroups, EveryElementIsInOneGroup) {
    for (std::int64_t elements = 1; elements < 140; ++elements) {
        for (std::uint32_t by = 0; by < 16; ++by) expect_groups_of_rows<1>(by, elements);
        for (std::uint32_t by = 0; by < 16; by += 2) expect_groups_of_rows<2>(by, elements);
        for (std::uint32_t by = 0; by < 16; by += 4) expect_groups_of_rows<4>(by, elements);
        for (std::uint32_t by = 0; by < 16; by += 8) expect_groups_of_rows<8>(by, elements);
    }
}

} // namespace
