#include <cstring>

#include "elements.hpp"
#include "rows.hpp"
#include "unaligned.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

template <class T> void move_strided(loop row, std::byte* target, const std::byte* source) noexcept {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    if (row.source == 0 && row.target == size) { // broadcast
        const T value = load<T>(source);
        for (std::int64_t i = 0; i < row.extent; ++i) store(target + i * size, value);
        return;
    }
    constexpr std::int64_t at_once = 4;
    std::int64_t left = row.extent;
    for (; left >= at_once; left -= at_once) {
        const T a = load<T>(source), b = load<T>(source + row.source), c = load<T>(source + 2 * row.source),
                d = load<T>(source + 3 * row.source);
        store(target, a);
        store(target + row.target, b);
        store(target + 2 * row.target, c);
        store(target + 3 * row.target, d);
        target += at_once * row.target;
        source += at_once * row.source;
    }
    for (; left > 0; --left, target += row.target, source += row.source) store(target, load<T>(source));
}

} // namespace

void move_row(std::int64_t size, const loop& row, std::byte* target, const std::byte* source) noexcept {
    if (row.target == size && row.source == size) {
        std::memcpy(target, source, static_cast<std::size_t>(row.extent * size));
        return;
    }
    with_bits(size, [&](auto bits) { move_strided<decltype(bits)>(row, target, source); });
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
