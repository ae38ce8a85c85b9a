#include <cstring>

#include "rows.hpp"
#include "unaligned.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

struct bits128 {
    std::uint64_t low, high;
};

template <class T> void move_strided(const loop& row, std::byte* target, const std::byte* source) noexcept {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    if (row.source == 0 && row.target == size) { // broadcast
        const T value = load<T>(source);
        for (std::int64_t i = 0; i < row.extent; ++i) store(target + i * size, value);
    } else {
        for (std::int64_t i = 0; i < row.extent; ++i) store(target + i * row.target, load<T>(source + i * row.source));
    }
}

} // namespace

void move_row(std::int64_t size, const loop& row, std::byte* target, const std::byte* source) noexcept {
    if (row.target == size && row.source == size) {
        std::memcpy(target, source, static_cast<std::size_t>(row.extent * size));
        return;
    }
    switch (size) {
    case 1:
        return move_strided<std::uint8_t>(row, target, source);
    case 2:
        return move_strided<std::uint16_t>(row, target, source);
    case 4:
        return move_strided<std::uint32_t>(row, target, source);
    case 8:
        return move_strided<std::uint64_t>(row, target, source);
    default:
        return move_strided<bits128>(row, target, source);
    }
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
