#include "copy_launch.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

template <class T>
__global__ void __launch_bounds__(threads_per_block) move_strided_kernel(const __grid_constant__ strided_walk walk) {
    move_strided<T>(position::here(), walk);
}

template <class T>
__global__ void __launch_bounds__(threads_per_block) move_transposed_kernel(const __grid_constant__ transposition t) {
    __shared__ tile<T> square;
    load_tile(position::here(), t, square);
    __syncthreads();
    store_tile(position::here(), t, square);
}

template <class To, class From>
__global__ void __launch_bounds__(threads_per_block) cast_packed_kernel(const __grid_constant__ packed_cast p) {
    cast_packed<To, From>(position::here(), p);
}

__global__ void __launch_bounds__(threads_per_block)
    cast_strided_kernel(const __grid_constant__ strided_walk walk, element_codec to, element_codec from) {
    cast_strided(position::here(), walk, to, from);
}

} // namespace

void move_strided_on_cuda(std::int64_t size, const strided_walk& walk, cudaStream_t stream) {
    with_bits(size, [&](auto bits) {
        move_strided_kernel<decltype(bits)><<<blocks_for(walk.elements), threads_per_block, 0, stream>>>(walk);
    });
}

void move_transposed_on_cuda(std::int64_t size, const iteration& it, cudaStream_t stream) {
    with_bits(size, [&](auto bits) {
        const transposition t = transposition::of(it, tile<decltype(bits)>::side);
        move_transposed_kernel<decltype(bits)><<<t.blocks(), threads_per_block, 0, stream>>>(t);
    });
}

bool cast_packed_on_cuda(dtype to, dtype from, const packed_cast& p, cudaStream_t stream) {
    return with_quick_cast(to, from, [&](auto target, auto source) {
        using To = decltype(target);
        using From = decltype(source);
        cast_packed_kernel<To, From><<<blocks_for_cast<To, From>(p.elements), threads_per_block, 0, stream>>>(p);
    });
}

void cast_strided_on_cuda(element_codec to, element_codec from, const strided_walk& walk, cudaStream_t stream) {
    cast_strided_kernel<<<blocks_for(walk.elements), threads_per_block, 0, stream>>>(walk, to, from);
}

cudaError_t load_copy() {
    cudaFuncAttributes attributes{};
    return cudaFuncGetAttributes(&attributes, cast_strided_kernel);
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
