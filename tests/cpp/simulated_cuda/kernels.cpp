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

void add_packed_on_cuda(dtype id, const packed_addition& p, std::uint32_t blocks, cudaStream_t stream) {
    with_summand(id, [&](auto zero) {
        launch(blocks, "add_packed", stream, [p](position at) { add_packed<part_of<decltype(zero)>>(at, p); });
    });
}

void add_strided_on_cuda(dtype id, const strided_walk& walk, const constant& value, cudaStream_t stream) {
    with_summand(id, [&](auto zero) {
        launch(blocks_for(walk.elements), "add_strided", stream,
               [walk, value](position at) { add_strided<decltype(zero)>(at, walk, value); });
    });
}

void move_strided_on_cuda(std::int64_t size, const strided_walk& walk, cudaStream_t stream) {
    with_bits(size, [&](auto bits) {
        launch(blocks_for(walk.elements), "move_strided", stream,
               [walk](position at) { move_strided<decltype(bits)>(at, walk); });
    });
}

void move_transposed_on_cuda(std::int64_t size, const iteration& it, cudaStream_t stream) {
    with_bits(size, [&](auto bits) {
        using square = tile<decltype(bits)>;
        simulated_cuda::launch("move_transposed", stream, [t = transposition::of(it, square::side)] {
            const auto shared = std::make_unique<square>();
            for (std::uint32_t block = 0; block < t.blocks(); ++block) {
                for (std::uint32_t i = 0; i < threads_per_block; ++i) load_tile(position{block, i}, t, *shared);
                for (std::uint32_t i = 0; i < threads_per_block; ++i) store_tile(position{block, i}, t, *shared);
            }
        });
    });
}

bool cast_packed_on_cuda(dtype to, dtype from, const packed_cast& p, cudaStream_t stream) {
    return with_quick_cast(to, from, [&](auto target, auto source) {
        using To = decltype(target);
        using From = decltype(source);
        launch(blocks_for_cast<To, From>(p.elements), "cast_packed", stream,
               [p](position at) { cast_packed<To, From>(at, p); });
    });
}

void cast_strided_on_cuda(element_codec to, element_codec from, const strided_walk& walk, cudaStream_t stream) {
    launch(blocks_for(walk.elements), "cast_strided", stream, [=](position at) { cast_strided(at, walk, to, from); });
}

cudaError_t load_addition() { return simulated_cuda::load("addition"); }
cudaError_t load_copy() { return simulated_cuda::load("copy"); }

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
