#include "add_launch.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

// Four blocks of a multiprocessor have enough bytes in flight. With room for five, registers would be spilled.
template <class T>
__global__ void __launch_bounds__(threads_per_block, 4) add_rows_kernel(const __grid_constant__ row_addition a) {
    add_rows<T>(position::here(), a);
}

template <class T>
__global__ void __launch_bounds__(threads_per_block)
    add_strided_kernel(const __grid_constant__ strided_walk walk, const __grid_constant__ constant value) {
    add_strided<T>(position::here(), walk, value);
}

} // namespace

void add_rows_on_cuda(dtype id, const row_addition& a, cudaStream_t stream) {
    with_summand(id, [&](auto zero) {
        using part = part_of<decltype(zero)>;
        add_rows_kernel<part><<<blocks_for(a.groups.items()), threads_per_block, 0, stream>>>(a);
    });
}

void add_strided_on_cuda(dtype id, const strided_walk& walk, const constant& value, cudaStream_t stream) {
    with_summand(id, [&](auto zero) {
        using T = decltype(zero);
        const std::uint32_t blocks = blocks_for<turns_of_elements<T>>(walk.elements);
        add_strided_kernel<T><<<blocks, threads_per_block, 0, stream>>>(walk, value);
    });
}

cudaError_t load_addition() {
    cudaFuncAttributes attributes{};
    return cudaFuncGetAttributes(&attributes, add_rows_kernel<float>);
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
