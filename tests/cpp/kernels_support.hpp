/// Pairs of layouts over real memory, and what a loop over all elements finds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include <numpy_bridge/self_overlap.hpp>

#include "kernels/iteration.hpp"
#include "support.hpp"

namespace numpy_bridge_test {

/// The elements' places of both operands, pair by pair, for a source of strides that fit the target.
inline std::vector<std::pair<std::uint64_t, std::uint64_t>> element_pairs(const array& target, std::uint64_t source,
                                                                          const extents& source_strides) {
    array read = target;
    read.address = source;
    read.strides = source_strides;
    const auto to = element_addresses(target), from = element_addresses(read);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs(to.size());
    for (std::size_t i = 0; i < to.size(); ++i) pairs[i] = {to[i], from[i]};
    return pairs;
}

/// Strides for a random order of the axes, packed but for gaps and reversed axes now and then.
inline extents nested_strides(dice& random, const extents& shape, std::int64_t size, std::int64_t alignment) {
    std::vector<std::size_t> order(shape.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    const bool shuffles = random.once_in(2);
    for (std::size_t i = order.size(); shuffles && i > 1; --i)
        std::swap(order[i - 1], order[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(i) - 1))]);
    extents strides(shape.size());
    std::int64_t step = size;
    const bool gaps = random.once_in(2), reverses = random.once_in(3);
    for (std::size_t at = order.size(); at-- > 0;) {
        const std::size_t axis = order[at];
        if (gaps && random.once_in(2)) step += alignment * random.between(0, 3);
        strides[axis] = reverses && random.once_in(2) ? -step : step;
        step *= std::max<std::int64_t>(shape[axis], 1);
    }
    return strides;
}

inline extents random_extents(dice& random, std::int64_t most_elements) {
    extents shape;
    std::int64_t room = most_elements;
    for (auto axes = random.between(0, 5); axes > 0 && room > 1; --axes) {
        shape.push_back(random.between(1, random.once_in(3) ? room : std::min<std::int64_t>(room, 6)));
        room /= shape.back();
    }
    return shape;
}

/// Numbers of any sign and magnitude below 2, in every format and byte order: the exponent's top bit is never set. NaNs
/// are left to tests of single numbers, as sums of two may take after either.
inline std::byte random_byte(dice& random) { return static_cast<std::byte>(random.between(0, 255) & 0xbf); }

/// A block of bytes with an array in it.
struct block_with_array {
    std::vector<std::byte> bytes;
    array view;

    /// Strides for some axes are 0 if it `broadcasts`. `misaligned` by so many bytes of an alignment of 64.
    static block_with_array of(dice& random, numpy_bridge::dtype type, const extents& shape, bool broadcasts,
                               std::int64_t misaligned) {
        block_with_array result;
        const auto size = static_cast<std::int64_t>(numpy_bridge::itemsize(type));
        result.view = {0, type, shape, nested_strides(random, shape, size, size)};
        if (broadcasts)
            for (std::int64_t& stride : result.view.strides)
                if (random.once_in(3)) stride = 0;
        const auto m = result.view.memory();
        const auto bounds = *numpy_bridge::bounds_of(numpy_bridge::layout_of(m));
        result.bytes.resize(static_cast<std::size_t>(bounds.high - bounds.low + 192));
        for (std::byte& byte : result.bytes) byte = random_byte(random);
        const auto start = reinterpret_cast<std::uintptr_t>(result.bytes.data());
        result.view.address = (start + 63) / 64 * 64 + static_cast<std::uint64_t>(misaligned - bounds.low);
        if (bounds.low % size != 0) result.view.address += static_cast<std::uint64_t>(size + bounds.low % size);
        return result;
    }
};

/// A type of numbers; single bytes have no order.
inline numpy_bridge::element_type any_type(dice& random, numpy_bridge::dtype id) {
    const bool swapped = numpy_bridge::itemsize(id) > 1 && random.once_in(4);
    return {id, swapped ? numpy_bridge::byte_order::swapped : numpy_bridge::byte_order::native};
}
inline numpy_bridge::element_type any_type(dice& random) {
    return any_type(random, static_cast<numpy_bridge::dtype>(random.between(0, 15)));
}

inline std::byte* at(std::uint64_t address) {
    return reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(address));
}

/// An array's shape and strides in the form that operations take.
inline numpy_bridge::dims dims_of(const extents& values) {
    numpy_bridge::dims result{};
    std::copy(values.begin(), values.end(), result.begin());
    return result;
}

} // namespace numpy_bridge_test
