#include "queue.hpp"

#include <algorithm>
#include <cstring>

#include <numpy_bridge/cuda/check.hpp>

#include "block.hpp"
#include "kernels/add_launch.hpp"
#include "kernels/copy_launch.hpp"
#include "kernels/packing.hpp"

namespace numpy_bridge::cuda {

namespace {

using kernels::iteration;
using kernels::loop;

/// The innermost loop; a loop of one turn for a single element.
loop row_of(const iteration& it, std::int64_t size) noexcept {
    return it.count > 0 ? it.loops[0] : loop{1, size, size};
}

/// The element at `value`, repeated to fill 16 bytes. `skipped` bytes of it come before the first.
kernels::constant repeated(const std::byte* value, std::size_t size, std::size_t skipped) noexcept {
    kernels::constant result{};
    for (std::size_t at = 0; at < sizeof result.bytes; ++at) result.bytes[(at + skipped) % 16] = value[at % size];
    return result;
}

/// The same sums, of the parts of complex numbers, if these lie side by side.
iteration with_parts(iteration it, std::int64_t size, std::int64_t part) noexcept {
    const loop row = row_of(it, size);
    if (part == size || row.target != size || (it.source != nullptr && row.source != size)) return it;
    it.loops[0] = {row.extent * (size / part), part, part};
    it.count = std::max(it.count, 1);
    return it;
}

void add_part(dtype id, const iteration& it, const std::byte* value, cudaStream_t stream) {
    const std::size_t size = itemsize(id), part = size / (kernels::is_complex(id) ? 2 : 1);
    const auto constant = [&](std::int32_t skipped) {
        const std::size_t bytes = static_cast<std::size_t>(skipped) * part;
        return value == nullptr ? kernels::constant{} : repeated(value, size, bytes);
    };
    const iteration parts = with_parts(it, static_cast<std::int64_t>(size), static_cast<std::int64_t>(part));
    if (const auto rows = kernels::row_groups::of(parts, static_cast<std::uint32_t>(16 / part), part, part))
        kernels::add_rows_on_cuda(id, {*rows, it.source != nullptr, constant(rows->skipped)}, stream);
    else kernels::add_strided_on_cuda(id, kernels::strided_walk::of(it), constant(0), stream);
    check_cuda(cudaGetLastError(), "launch of add_");
}

/// With fewer turns, such as the channels of an image, most of a tile would be empty.
constexpr std::int64_t fewest_turns_of_tile = 16;

void move_part(std::int64_t size, iteration it, cudaStream_t stream) {
    const int transposing = kernels::transposing_loop(it);
    const auto turns = std::min(it.loops[0].extent, it.loops[static_cast<std::size_t>(transposing)].extent);
    if (transposing != 0 && it.loops[0].target == size && turns >= fewest_turns_of_tile) {
        std::rotate(it.loops.begin() + 1, it.loops.begin() + transposing, it.loops.begin() + transposing + 1);
        kernels::move_transposed_on_cuda(size, it, stream);
    } else {
        kernels::move_strided_on_cuda(size, kernels::strided_walk::of(it), stream);
    }
    check_cuda(cudaGetLastError(), "launch of copy_");
}

void move(std::int64_t size, iteration it, cudaStream_t stream) {
    const loop row = row_of(it, size);
    if (it.count <= 1 && row.target == size && row.source == size) {
        const auto bytes = static_cast<std::size_t>(row.extent * size);
        return check_cuda(cudaMemcpyAsync(it.target, it.source, bytes, cudaMemcpyDeviceToDevice, stream),
                          "cudaMemcpyAsync");
    }
    const std::int64_t unit = kernels::regroup(it, size);
    kernels::for_each_part(it, [&](const iteration& part) { move_part(unit, part, stream); });
}

bool is_native(element_type type) noexcept { return type.order == byte_order::native; }

void cast_part(element_type target, element_type source, const iteration& it, cudaStream_t stream) {
    const bool native = is_native(target) && is_native(source);
    if (!native || !kernels::cast_on_cuda({target.id, source.id}, it, stream))
        kernels::cast_any_on_cuda({target.id, !is_native(target)}, {source.id, !is_native(source)},
                                  kernels::strided_walk::of(it), stream);
    check_cuda(cudaGetLastError(), "launch of copy_");
}

/// True if the operand's elements lie at multiples of `alignment`, a power of two.
bool is_aligned(const iteration& it, const std::byte* first, std::int64_t loop::* step, unsigned alignment) noexcept {
    auto bits = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(first));
    for (int i = 0; i < it.count; ++i) bits |= static_cast<std::uint64_t>(it.loops[static_cast<std::size_t>(i)].*step);
    return bits % alignment == 0;
}

/// Misaligned operands are staged through an aligned block; only the move kernel takes any address. Kernels read whole
/// elements, complex ones too, and write the parts of these.
void cast(element_type target, element_type source, const iteration& it, device_stream where) {
    const auto to_size = static_cast<std::int64_t>(itemsize(target.id));
    const auto from_size = static_cast<std::int64_t>(itemsize(source.id));
    if (!is_aligned(it, it.source, &loop::source, static_cast<unsigned>(from_size))) {
        const stream_block block(it.elements() * from_size, where);
        move(from_size, kernels::into_block(it, block.data(), from_size), where.handle);
        return cast(target, source, kernels::out_of_block(it, block.data(), from_size), where);
    }
    if (!is_aligned(it, it.target, &loop::target, info(target.id).alignment)) {
        const stream_block block(it.elements() * to_size, where);
        cast(target, source, kernels::into_block(it, block.data(), to_size), where);
        return move(to_size, kernels::out_of_block(it, block.data(), to_size), where.handle);
    }
    kernels::for_each_part(it, [&](const iteration& part) { cast_part(target, source, part, where.handle); });
}

} // namespace

void queue_addition(dtype id, const iteration& it, const std::byte* value, cudaStream_t stream) {
    kernels::for_each_part(it, [&](const iteration& part) { add_part(id, part, value, stream); });
}

void queue_copy(element_type target, element_type source, const iteration& it, device_stream where) {
    const bool one_order = target.order == source.order || itemsize(target.id) == 1;
    if (one_order && kernels::is_move({target.id, source.id}))
        return move(static_cast<std::int64_t>(itemsize(target.id)), it, where.handle);
    cast(target, source, it, where);
}

} // namespace numpy_bridge::cuda
