/// Rows of packed elements, cut into groups that are loaded and stored at once. Runs on the device, and on the host in
/// tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "elements.hpp"
#include "grid.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace detail {

template <std::size_t Bytes> struct raw_bits {
    using type = pack<std::uint32_t, Bytes / 4>;
};
template <> struct raw_bits<1> {
    using type = std::uint8_t;
};
template <> struct raw_bits<2> {
    using type = std::uint16_t;
};

} // namespace detail

/// The bits of N elements in as few registers as possible. A kernel loads these, and takes them apart after its last
/// load: the compiler takes apart what it loads as elements at once, and that waits for memory.
template <class T, std::uint32_t N> using raw_group = typename detail::raw_bits<sizeof(T) * N>::type;

/// One group: where it begins, and the index of its first element in the row. That is negative if the group begins
/// before the row.
struct group_place {
    std::byte* target;
    const std::byte* source;
    std::int32_t first;
};

/// Both operands are packed along the innermost loop, and aligned to groups at the same elements.
struct row_groups {
    strided_walk rows;     ///< the first elements of the rows
    divider groups;        ///< by the number of groups in a row
    std::int32_t elements; ///< in a row
    std::int32_t skipped;  ///< elements of a row's first group that lie before the row

    /// None if `it` has no such rows, or if most of a row would lie outside whole groups. Needs aligned elements. In
    /// the place of a null source is the target, which is not to be read so.
    static std::optional<row_groups> of(const iteration& it, std::uint32_t lanes, std::size_t target_size,
                                        std::size_t source_size) noexcept;

    NUMPY_BRIDGE_HOST_DEVICE std::uint32_t items() const noexcept { return rows.elements * groups.divisor; }

    /// The places of N groups.
    template <std::size_t TargetSize, std::size_t SourceSize, std::uint32_t Lanes, std::uint32_t N>
    NUMPY_BRIDGE_HOST_DEVICE void find(const std::uint32_t (&items)[N], group_place (&found)[N]) const noexcept {
        std::uint32_t row[N];
        offsets start[N];
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t n = 0; n < N; ++n) {
            row[n] = groups.quotient(items[n]);
            const std::uint32_t group = items[n] - row[n] * groups.divisor;
            found[n].first = static_cast<std::int32_t>(group * Lanes - static_cast<std::uint32_t>(skipped));
        }
        rows.find(row, start);
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t n = 0; n < N; ++n) {
            found[n].target = rows.target + start[n].target + std::int64_t{found[n].first} * std::int64_t{TargetSize};
            found[n].source = rows.source + start[n].source + std::int64_t{found[n].first} * std::int64_t{SourceSize};
        }
    }

    template <std::uint32_t Lanes> NUMPY_BRIDGE_HOST_DEVICE bool is_whole(std::int32_t first) const noexcept {
        return first >= 0 && first <= elements - static_cast<std::int32_t>(Lanes);
    }
    /// Whether the element of a lane is in the row.
    NUMPY_BRIDGE_HOST_DEVICE bool contains(std::int32_t first, std::uint32_t lane) const noexcept {
        return static_cast<std::uint32_t>(first) + lane < static_cast<std::uint32_t>(elements);
    }
};

namespace detail {

/// The number of elements between an address and the last multiple of a group's bytes.
inline std::int32_t into_group(const std::byte* address, std::uint32_t lanes, std::size_t size) noexcept {
    return static_cast<std::int32_t>(reinterpret_cast<std::uintptr_t>(address) % (lanes * size) / size);
}

} // namespace detail

inline std::optional<row_groups> row_groups::of(const iteration& it, std::uint32_t lanes, std::size_t target_size,
                                                std::size_t source_size) noexcept {
    const auto to = static_cast<std::int64_t>(target_size), from = static_cast<std::int64_t>(source_size);
    const loop row = it.count > 0 ? it.loops[0] : loop{1, to, from};
    const bool reads = it.source != nullptr;
    if (row.target != to || (reads && row.source != from)) return {};
    const std::int32_t skipped = detail::into_group(it.target, lanes, target_size);
    if (reads && detail::into_group(it.source, lanes, source_size) != skipped) return {};
    iteration rest = it;
    rest.source = reads ? it.source : it.target;
    rest.count = std::max(it.count - 1, 0);
    for (int i = 0; i < rest.count; ++i) {
        const loop& l = rest.loops[static_cast<std::size_t>(i)] = it.loops[static_cast<std::size_t>(i) + 1];
        if (l.target % (to * lanes) != 0 || (reads && l.source % (from * lanes) != 0)) return {};
    }
    const bool all_whole = skipped == 0 && row.extent % lanes == 0;
    if (rest.count > 0 && !all_whole && row.extent < std::int64_t{8} * lanes) return {};
    const auto groups = static_cast<std::uint32_t>((row.extent + skipped + lanes - 1) / lanes);
    return row_groups{strided_walk::of(rest), divider::by(groups), static_cast<std::int32_t>(row.extent), skipped};
}

/// A thread's groups, at its turns: whole ones, and the turns of those that are cut short by an end of their row.
template <class To, class From, std::uint32_t Lanes, std::uint32_t Turns> struct thread_groups {
    group_place at[Turns];
    bool whole[Turns];
    std::uint32_t cut = 0; ///< a bit for each turn

    NUMPY_BRIDGE_HOST_DEVICE thread_groups(position where, const row_groups& groups) noexcept {
        const std::uint32_t items = groups.items();
        std::uint32_t numbers[Turns];
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t turn = 0; turn < Turns; ++turn) {
            const std::uint32_t item = item_of<Turns>(where, turn);
            numbers[turn] = item < items ? item : items - 1;
        }
        groups.template find<sizeof(To), sizeof(From), Lanes>(numbers, at);
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t turn = 0; turn < Turns; ++turn) {
            const bool exists = item_of<Turns>(where, turn) < items, fits = groups.is_whole<Lanes>(at[turn].first);
            whole[turn] = exists && fits;
            if (exists && !fits) cut |= 1U << turn;
        }
    }

    /// Calls `body(target, source, lane)` for each element of the groups that are cut short.
    template <class Body>
    NUMPY_BRIDGE_HOST_DEVICE void for_each_cut(position where, const row_groups& groups, const Body& body) const {
        NUMPY_BRIDGE_ROLLED
        for (std::uint32_t turn = 0; cut >> turn != 0; ++turn) {
            if ((cut >> turn & 1U) == 0) continue;
            const std::uint32_t item[1] = {item_of<Turns>(where, turn)};
            group_place place[1];
            groups.template find<sizeof(To), sizeof(From), Lanes>(item, place);
            NUMPY_BRIDGE_ROLLED
            for (std::uint32_t lane = 0; lane < Lanes; ++lane)
                if (groups.contains(place[0].first, lane))
                    body(reinterpret_cast<To*>(place[0].target) + lane,
                         reinterpret_cast<const From*>(place[0].source) + lane, lane);
        }
    }
};

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
