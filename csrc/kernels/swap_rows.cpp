#include <cstdint>
#include <cstdlib>

#include "elements.hpp"
#include "rows.hpp"
#include "simd.hpp"
#include "unaligned.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

#ifdef _MSC_VER
std::uint16_t reversed(std::uint16_t x) noexcept { return _byteswap_ushort(x); }
std::uint32_t reversed(std::uint32_t x) noexcept { return _byteswap_ulong(x); }
std::uint64_t reversed(std::uint64_t x) noexcept { return _byteswap_uint64(x); }
#else
std::uint16_t reversed(std::uint16_t x) noexcept { return __builtin_bswap16(x); }
std::uint32_t reversed(std::uint32_t x) noexcept { return __builtin_bswap32(x); }
std::uint64_t reversed(std::uint64_t x) noexcept { return __builtin_bswap64(x); }
#endif

template <class T>
NUMPY_BRIDGE_EVERYWHERE inline void reverse_each(std::byte* to, const std::byte* from, std::int64_t n) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    NUMPY_BRIDGE_INDEPENDENT
    for (std::int64_t i = 0; i < n; ++i) store(to + i * size, reversed(load<T>(from + i * size)));
}

NUMPY_BRIDGE_EVERYWHERE inline void reverse_any(std::size_t size, std::byte* to, const std::byte* from,
                                                std::int64_t n) {
    switch (size) {
    case 2:
        return reverse_each<std::uint16_t>(to, from, n);
    case 4:
        return reverse_each<std::uint32_t>(to, from, n);
    case 8:
        return reverse_each<std::uint64_t>(to, from, n);
    default:
        return;
    }
}

NUMPY_BRIDGE_DISPATCH(reverse_row, reverse_any,
                      (std::size_t size, std::byte* to, const std::byte* from, std::int64_t n), (size, to, from, n))

} // namespace

void swap_row(dtype id, std::byte* to, const std::byte* from, std::int64_t n) noexcept {
    const bool pairs = is_complex(id);
    reverse_row(pairs ? itemsize(id) / 2 : itemsize(id), to, from, pairs ? 2 * n : n);
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
