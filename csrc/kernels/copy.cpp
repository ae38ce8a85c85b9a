#include "copy.hpp"

#include <array>
#include <utility>

#include "rows.hpp"
#include "unaligned.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

/// Walks two loops, along one of which the target is packed and along the other the source, in squares that the cache
/// holds: else every element of the source would cost a line of it.
void move_transposed(std::int64_t size, const loop& inner, const loop& outer, std::byte* target,
                     const std::byte* source) noexcept {
    constexpr std::int64_t side = 32;
    for (std::int64_t i = 0; i < outer.extent; i += side)
        for (std::int64_t j = 0; j < inner.extent; j += side) {
            const loop row{std::min(side, inner.extent - j), inner.target, inner.source};
            for (std::int64_t k = i; k < std::min(i + side, outer.extent); ++k)
                move_row(size, row, target + k * outer.target + j * inner.target,
                         source + k * outer.source + j * inner.source);
        }
}

void move(std::int64_t size, iteration it) noexcept {
    const int transposing = transposing_loop(it);
    if (transposing == 0)
        return for_each_row(it, [&](const loop& row, std::byte* target, const std::byte* source) {
            move_row(size, row, target, source);
        });
    std::swap(it.loops[1], it.loops[static_cast<std::size_t>(transposing)]);
    for_each_turn(it, 2, [&](std::byte* target, const std::byte* source) {
        move_transposed(size, it.loops[0], it.loops[1], target, source);
    });
}

template <class T, class Swap> void swap_each(std::byte* data, std::int64_t n, Swap swap) noexcept {
    for (std::int64_t i = 0; i < n; ++i) {
        std::byte* at = data + i * static_cast<std::int64_t>(sizeof(T));
        store(at, static_cast<T>(swap(load<T>(at))));
    }
}

/// Reverses the bytes of `n` elements side by side; of complex numbers, of each part.
void swap_bytes(dtype id, std::byte* data, std::int64_t n) noexcept {
    const bool pairs = info(id).dlpack.code == dlpack::type_code::complex;
    const std::int64_t parts = pairs ? 2 * n : n;
    switch (pairs ? itemsize(id) / 2 : itemsize(id)) {
    case 2:
        return swap_each<std::uint16_t>(data, parts, [](std::uint16_t x) { return __builtin_bswap16(x); });
    case 4:
        return swap_each<std::uint32_t>(data, parts, [](std::uint32_t x) { return __builtin_bswap32(x); });
    case 8:
        return swap_each<std::uint64_t>(data, parts, [](std::uint64_t x) { return __builtin_bswap64(x); });
    default:
        return;
    }
}

constexpr std::int64_t block_elements = 512;
using block = std::array<std::byte, static_cast<std::size_t>(block_elements) * 16>;

/// Row by row and block by block: gathered, swapped, converted, swapped, scattered. Steps that are not needed are
/// left out, so that packed rows in native order are converted in place.
class converter {
public:
    converter(element_type target, element_type source) noexcept
        : target_(target),
          source_(source),
          cast_(target.id == source.id ? nullptr : cast_row_of(source.id, target.id)) {}

    void convert_row(const loop& row, std::byte* target, const std::byte* source) noexcept {
        for (std::int64_t done = 0; done < row.extent; done += block_elements)
            convert_block({std::min(block_elements, row.extent - done), row.target, row.source},
                          target + done * row.target, source + done * row.source);
    }

private:
    void convert_block(const loop& row, std::byte* target, const std::byte* source) noexcept {
        const auto target_size = static_cast<std::int64_t>(itemsize(target_.id));
        const auto source_size = static_cast<std::int64_t>(itemsize(source_.id));
        const bool swapped_target = target_.order == byte_order::swapped;
        const bool swapped_source = source_.order == byte_order::swapped;
        const bool gathers = row.source != source_size || swapped_source || cast_ == nullptr;
        if (gathers) {
            move_row(source_size, {row.extent, source_size, row.source}, gathered_.data(), source);
            if (swapped_source) swap_bytes(source_.id, gathered_.data(), row.extent);
        }
        std::byte* values = gathered_.data();
        const bool scatters = row.target != target_size || swapped_target || cast_ == nullptr;
        if (cast_ != nullptr) {
            values = scatters ? converted_.data() : target;
            cast_(values, gathers ? gathered_.data() : source, row.extent);
        }
        if (!scatters) return;
        if (swapped_target) swap_bytes(target_.id, values, row.extent);
        move_row(target_size, {row.extent, row.target, target_size}, target, values);
    }

    element_type target_, source_;
    cast_row cast_;
    block gathered_, converted_; // not initialised
};

} // namespace

void copy_on_cpu(element_type target, element_type source, const iteration& it) noexcept {
    if (target.id == source.id && target.order == source.order)
        return move(static_cast<std::int64_t>(itemsize(target.id)), it);
    converter with(target, source);
    for_each_row(it, [&](const loop& row, std::byte* to, const std::byte* from) { with.convert_row(row, to, from); });
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
