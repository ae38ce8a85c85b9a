#include "copy_launch.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

template <class T>
__global__ void __launch_bounds__(threads_per_block) move_strided_kernel(const __grid_constant__ strided_walk walk) {
    move_strided<T>(position::here(), walk);
}

template <class Tile>
__global__ void __launch_bounds__(threads_per_block) move_transposed_kernel(const __grid_constant__ transposition t) {
    __shared__ Tile square;
    const tile_part part = tile_part::of(blockIdx.x, t, Tile::side);
    load_tile(position::here(), t, part, square);
    __syncthreads();
    store_tile(position::here(), t, part, square);
}

template <class To, class From>
__global__ void __launch_bounds__(threads_per_block) cast_rows_kernel(const __grid_constant__ row_groups rows) {
    cast_rows<To, From>(position::here(), rows);
}

template <class To, class From>
__global__ void __launch_bounds__(threads_per_block) cast_strided_kernel(const __grid_constant__ strided_walk walk) {
    cast_strided<To, From>(position::here(), walk);
}

__global__ void __launch_bounds__(threads_per_block)
    cast_any_kernel(const __grid_constant__ strided_walk walk, element_codec to, element_codec from,
                    std::int64_t size) {
    cast_any(position::here(), walk, to, from, size);
}

} // namespace

void move_strided_on_cuda(std::int64_t size, const strided_walk& walk, cudaStream_t stream) {
    with_bits(size, [&](auto bits) {
        using T = decltype(bits);
        const std::uint32_t blocks = blocks_for<turns_of_elements<T>>(walk.elements);
        move_strided_kernel<T><<<blocks, threads_per_block, 0, stream>>>(walk);
    });
}

void move_transposed_on_cuda(std::int64_t size, const iteration& it, cudaStream_t stream) {
    with_tile(size, it, [&](auto square) {
        using Tile = typename decltype(square)::type;
        const transposition t = transposition::of(it, Tile::side);
        move_transposed_kernel<Tile><<<t.blocks(), threads_per_block, 0, stream>>>(t);
    });
}

bool cast_on_cuda(cast_pair cast, const iteration& it, cudaStream_t stream) {
    return with_quick_cast(cast, [&](auto target, auto source) {
        using To = decltype(target);
        using From = decltype(source);
        if (const auto rows = row_groups::of(it, lanes_of_cast<To, From>, sizeof(To), sizeof(From))) {
            cast_rows_kernel<To, From>
                <<<blocks_for<turns_of_cast>(rows->items()), threads_per_block, 0, stream>>>(*rows);
        } else {
            const strided_walk walk = strided_walk::of(it);
            cast_strided_kernel<To, From><<<blocks_for(walk.elements), threads_per_block, 0, stream>>>(walk);
        }
    });
}

void cast_any_on_cuda(element_codec to, element_codec from, const strided_walk& walk, cudaStream_t stream) {
    const auto size = static_cast<std::int64_t>(itemsize(from.id));
    cast_any_kernel<<<blocks_for(walk.elements), threads_per_block, 0, stream>>>(walk, to, from, size);
}

cudaError_t load_copy() {
    cudaFuncAttributes attributes{};
    return cudaFuncGetAttributes(&attributes, cast_any_kernel);
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
