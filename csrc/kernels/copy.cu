#include "copy_cuda.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

__device__ position here() { return {blockIdx.x, threadIdx.x}; }

template <class T>
__global__ void __launch_bounds__(threads_per_block) move_strided_kernel(const __grid_constant__ strided_walk walk) {
    move_strided<T>(here(), walk);
}

template <class T>
__global__ void __launch_bounds__(threads_per_block) move_transposed_kernel(const __grid_constant__ transposition t) {
    __shared__ tile<T> square;
    load_tile(here(), t, square);
    __syncthreads();
    store_tile(here(), t, square);
}

template <class To, class From>
__global__ void __launch_bounds__(threads_per_block) cast_packed_kernel(const __grid_constant__ packed_cast p) {
    cast_packed<To, From>(here(), p);
}

__global__ void __launch_bounds__(threads_per_block)
    cast_strided_kernel(const __grid_constant__ strided_walk walk, element_codec to, element_codec from) {
    cast_strided(here(), walk, to, from);
}

/// Calls `body` with a value of an unsigned type of this size.
template <class Body> void with_bits(std::int64_t size, Body body) {
    switch (size) {
    case 1:
        return body(std::uint8_t{});
    case 2:
        return body(std::uint16_t{});
    case 4:
        return body(std::uint32_t{});
    case 8:
        return body(std::uint64_t{});
    default:
        return body(bits128{});
    }
}

template <class T> constexpr dtype id_of() noexcept {
    if constexpr (std::is_same_v<T, float16>) return dtype::float16;
    else if constexpr (std::is_same_v<T, bfloat16>) return dtype::bfloat16;
    else return *dtype_of<T>();
}

template <class... To, class... From>
bool try_casts(std::tuple<std::pair<To, From>...>*, dtype to, dtype from, const packed_cast& p, cudaStream_t stream) {
    const auto attempt = [&](auto* pair) {
        using types = std::remove_pointer_t<decltype(pair)>;
        using T = typename types::first_type;
        using F = typename types::second_type;
        if (id_of<T>() != to || id_of<F>() != from) return false;
        const std::uint32_t blocks = blocks_for(std::max(p.elements / group_of<T, F>, 1U));
        cast_packed_kernel<T, F><<<blocks, threads_per_block, 0, stream>>>(p);
        return true;
    };
    return (attempt(static_cast<std::pair<To, From>*>(nullptr)) || ...);
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
    return try_casts(static_cast<quick_casts*>(nullptr), to, from, p, stream);
}

void cast_strided_on_cuda(element_codec to, element_codec from, const strided_walk& walk, cudaStream_t stream) {
    cast_strided_kernel<<<blocks_for(walk.elements), threads_per_block, 0, stream>>>(walk, to, from);
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
