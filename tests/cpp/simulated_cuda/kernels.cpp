/// The kernels' launches, played by the host: every thread of every block does its part, one after the other, when the
/// runtime that is linked runs it.

#include <memory>
#include <type_traits>

#include "kernels/add_launch.hpp"
#include "kernels/copy_launch.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

template <class Thread> void launch(std::uint32_t blocks, const char* name, cudaStream_t stream, Thread thread) {
    simulated_cuda::launch(name, stream, [blocks, thread] {
        for (std::uint32_t block = 0; block < blocks; ++block)
            for (std::uint32_t i = 0; i < threads_per_block; ++i) thread(position{block, i});
    });
}

} // namespace

void add_rows_on_cuda(dtype id, const row_addition& a, cudaStream_t stream) {
    with_summand(id, [&](auto zero) {
        launch(blocks_for(a.groups.items()), "add_rows", stream,
               [a](position at) { add_rows<part_of<decltype(zero)>>(at, a); });
    });
}

void add_strided_on_cuda(dtype id, const strided_walk& walk, const constant& value, cudaStream_t stream) {
    with_summand(id, [&](auto zero) {
        using T = decltype(zero);
        launch(blocks_for<turns_of_elements<T>>(walk.elements), "add_strided", stream,
               [walk, value](position at) { add_strided<T>(at, walk, value); });
    });
}

void move_strided_on_cuda(std::int64_t size, const strided_walk& walk, cudaStream_t stream) {
    with_bits(size, [&](auto bits) {
        using T = decltype(bits);
        launch(blocks_for<turns_of_elements<T>>(walk.elements), "move_strided", stream,
               [walk](position at) { move_strided<T>(at, walk); });
    });
}

void move_transposed_on_cuda(std::int64_t size, const iteration& it, cudaStream_t stream) {
    with_tile(size, it, [&](auto tag) {
        using Tile = typename decltype(tag)::type;
        const char* name = Tile::elements == 1 ? "move_transposed" : "move_transposed_words";
        simulated_cuda::launch(name, stream, [t = transposition::of(it, Tile::side)] {
            const auto shared = std::make_unique<Tile>();
            for (std::uint32_t block = 0; block < t.blocks(); ++block) {
                const tile_part part = tile_part::of(block, t, Tile::side);
                for (std::uint32_t i = 0; i < threads_per_block; ++i) load_tile(position{block, i}, t, part, *shared);
                for (std::uint32_t i = 0; i < threads_per_block; ++i) store_tile(position{block, i}, t, part, *shared);
            }
        });
    });
}

bool cast_on_cuda(cast_pair cast, const iteration& it, cudaStream_t stream) {
    return with_quick_cast(cast, [&](auto target, auto source) {
        using To = decltype(target);
        using From = decltype(source);
        if (const auto rows = row_groups::of(it, lanes_of_cast<To, From>, sizeof(To), sizeof(From))) {
            launch(blocks_for<turns_of_cast>(rows->items()), "cast_rows", stream,
                   [rows = *rows](position at) { cast_rows<To, From>(at, rows); });
        } else {
            const strided_walk walk = strided_walk::of(it);
            launch(blocks_for(walk.elements), "cast_strided", stream,
                   [walk](position at) { cast_strided<To, From>(at, walk); });
        }
    });
}

void cast_any_on_cuda(element_codec to, element_codec from, const strided_walk& walk, cudaStream_t stream) {
    const auto size = static_cast<std::int64_t>(itemsize(from.id));
    launch(blocks_for(walk.elements), "cast_any", stream, [=](position at) { cast_any(at, walk, to, from, size); });
}

cudaError_t load_addition() { return simulated_cuda::load("addition"); }
cudaError_t load_copy() { return simulated_cuda::load("copy"); }

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
