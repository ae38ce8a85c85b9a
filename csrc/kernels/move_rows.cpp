#include <cstring>

#include "elements.hpp"
#include "rows.hpp"
#include "unaligned.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

template <class T> void fill(std::byte* target, T value, std::int64_t n) noexcept {
    for (std::int64_t i = 0; i < n; ++i) store(target + i * static_cast<std::int64_t>(sizeof(T)), value);
}

/// Four loads, then one store.
template <class T> void gather(std::byte* target, const std::byte* source, std::int64_t step, std::int64_t n) noexcept {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    for (; n >= 4; n -= 4, target += 4 * size, source += 4 * step) {
        const T four[] = {load<T>(source), load<T>(source + step), load<T>(source + 2 * step),
                          load<T>(source + 3 * step)};
        std::memcpy(target, four, sizeof four);
    }
    for (; n > 0; --n, target += size, source += step) store(target, load<T>(source));
}

/// Four loads before the first store, which could otherwise change what is loaded next.
template <class T>
void move_each(std::byte* target, std::int64_t target_step, const std::byte* source, std::int64_t source_step,
               std::int64_t n) noexcept {
    for (; n >= 4; n -= 4, target += 4 * target_step, source += 4 * source_step) {
        const T a = load<T>(source), b = load<T>(source + source_step), c = load<T>(source + 2 * source_step),
                d = load<T>(source + 3 * source_step);
        store(target, a);
        store(target + target_step, b);
        store(target + 2 * target_step, c);
        store(target + 3 * target_step, d);
    }
    for (; n > 0; --n, target += target_step, source += source_step) store(target, load<T>(source));
}

template <class T> void move_elements(const loop& row, std::byte* target, const std::byte* source) noexcept {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    if (row.target != size) return move_each<T>(target, row.target, source, row.source, row.extent);
    if (row.source == 0) return fill(target, load<T>(source), row.extent);
    if (row.source != size) return gather<T>(target, source, row.source, row.extent);
    std::memcpy(target, source, static_cast<std::size_t>(row.extent * size));
}

} // namespace

row_function move_row_of(std::int64_t size) noexcept {
    row_function move = nullptr;
    with_bits(size, [&](auto bits) { move = move_elements<decltype(bits)>; });
    return move;
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
