#include "add_launch.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

template <class T>
__global__ void __launch_bounds__(threads_per_block) add_packed_kernel(const __grid_constant__ packed_addition p) {
    add_packed<T>(position::here(), p);
}

template <class T>
__global__ void __launch_bounds__(threads_per_block)
    add_strided_kernel(const __grid_constant__ strided_walk walk, const __grid_constant__ constant value) {
    add_strided<T>(position::here(), walk, value);
}

} // namespace

void add_packed_on_cuda(dtype id, const packed_addition& p, std::uint32_t blocks, cudaStream_t stream) {
    with_summand(id, [&](auto zero) {
        add_packed_kernel<part_of<decltype(zero)>><<<blocks, threads_per_block, 0, stream>>>(p);
    });
}

void add_strided_on_cuda(dtype id, const strided_walk& walk, const constant& value, cudaStream_t stream) {
    with_summand(id, [&](auto zero) {
        add_strided_kernel<decltype(zero)><<<blocks_for(walk.elements), threads_per_block, 0, stream>>>(walk, value);
    });
}

cudaError_t load_addition() {
    cudaFuncAttributes attributes{};
    return cudaFuncGetAttributes(&attributes, add_packed_kernel<float>);
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
