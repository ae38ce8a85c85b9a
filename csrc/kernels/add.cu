#include "add_cuda.hpp"

#include "add_grid.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

__device__ position here() { return {blockIdx.x, threadIdx.x}; }

template <class T>
__global__ void __launch_bounds__(threads_per_block) add_packed_kernel(const __grid_constant__ packed_addition p) {
    add_packed<T>(here(), p);
}

template <class T>
__global__ void __launch_bounds__(threads_per_block)
    add_strided_kernel(const __grid_constant__ strided_walk walk, const __grid_constant__ constant value) {
    add_strided<T>(here(), walk, value);
}

} // namespace

void add_packed_on_cuda(addition how, const packed_addition& p, std::uint32_t blocks, cudaStream_t stream) {
    with_part(how.of,
              [&](auto part) { add_packed_kernel<decltype(part)><<<blocks, threads_per_block, 0, stream>>>(p); });
}

void add_strided_on_cuda(addition how, const strided_walk& walk, const constant& value, cudaStream_t stream) {
    with_element(how, [&](auto element) {
        add_strided_kernel<decltype(element)><<<blocks_for(walk.elements), threads_per_block, 0, stream>>>(walk, value);
    });
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
