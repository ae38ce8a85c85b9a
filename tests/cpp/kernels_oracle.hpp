/// What operations should do, one element after the other.
#pragma once

#include <cstring>

#include "kernels/add_grid.hpp"
#include "kernels/cast_grid.hpp"
#include "kernels/copy_grid.hpp"
#include "kernels_support.hpp"

namespace numpy_bridge_test {

using element_pair_list = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

inline void copy_one_by_one(numpy_bridge::element_type to, numpy_bridge::element_type from,
                            const element_pair_list& elements) {
    using namespace numpy_bridge::kernels;
    for (const auto& [target, source] : elements) {
        alignas(16) std::byte read[16], written[16];
        std::memcpy(read, at(source), numpy_bridge::itemsize(from.id));
        const bool from_swapped = from.order == numpy_bridge::byte_order::swapped;
        const bool to_swapped = to.order == numpy_bridge::byte_order::swapped;
        if (to.id == from.id && to_swapped == from_swapped) std::memcpy(written, read, sizeof read);
        else {
            bits128 bits;
            std::memcpy(&bits, read, sizeof bits);
            encode({to.id, to_swapped}, decode({from.id, from_swapped}, bits), written);
        }
        std::memcpy(at(target), written, numpy_bridge::itemsize(to.id));
    }
}

inline void add_one_by_one(numpy_bridge::dtype id, const element_pair_list& elements) {
    using namespace numpy_bridge::kernels;
    with_summand(id, [&](auto typed) {
        for (const auto& [target, source] : elements) {
            auto x = typed, y = typed;
            std::memcpy(&x, at(target), sizeof x);
            std::memcpy(&y, at(source), sizeof y);
            x = sum(x, y);
            std::memcpy(at(target), &x, sizeof x);
        }
    });
}

} // namespace numpy_bridge_test
