#include "add.hpp"

#include <algorithm>
#include <cstring>

#include "add_halves.hpp"
#include "simd.hpp"
#include "sum.hpp"
#include "unaligned.hpp"
#include "walk.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

/// Compilers vectorise loops whose strides they know. The operands are the same or do not overlap.
template <class T> NUMPY_BRIDGE_EVERYWHERE inline void add_packed(std::byte* x, const std::byte* y, std::int64_t n) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    NUMPY_BRIDGE_INDEPENDENT
    for (std::int64_t i = 0; i < n; ++i) store(x + i * size, sum(load<T>(x + i * size), load<T>(y + i * size)));
}

template <class T> NUMPY_BRIDGE_EVERYWHERE inline void add_one_value(std::byte* x, const std::byte* y, std::int64_t n) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    const T value = load<T>(y);
    NUMPY_BRIDGE_INDEPENDENT
    for (std::int64_t i = 0; i < n; ++i) store(x + i * size, sum(load<T>(x + i * size), value));
}

/// Four loads before the first store, which could otherwise change what is loaded next.
template <class T>
NUMPY_BRIDGE_EVERYWHERE inline void add_each(std::byte* x, std::int64_t x_step, const std::byte* y, std::int64_t y_step,
                                             std::int64_t n) {
    for (; n >= 4; n -= 4, x += 4 * x_step, y += 4 * y_step) {
        T sums[4];
        for (std::int64_t i = 0; i < 4; ++i) sums[i] = sum(load<T>(x + i * x_step), load<T>(y + i * y_step));
        for (std::int64_t i = 0; i < 4; ++i) store(x + i * x_step, sums[i]);
    }
    for (; n > 0; --n, x += x_step, y += y_step) store(x, sum(load<T>(x), load<T>(y)));
}

/// The same for a packed target: four are gathered, and added as a vector.
template <class T>
NUMPY_BRIDGE_EVERYWHERE inline void add_gathered(std::byte* x, const std::byte* y, std::int64_t step, std::int64_t n) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    for (; n >= 4; n -= 4, x += 4 * size, y += 4 * step) {
        T read[4], sums[4];
        for (std::int64_t i = 0; i < 4; ++i) read[i] = load<T>(y + i * step);
        std::memcpy(sums, x, sizeof sums);
        for (std::int64_t i = 0; i < 4; ++i) sums[i] = sum(sums[i], read[i]);
        std::memcpy(x, sums, sizeof sums);
    }
    for (; n > 0; --n, x += size, y += step) store(x, sum(load<T>(x), load<T>(y)));
}

template <class T> NUMPY_BRIDGE_EVERYWHERE inline void add_strided(const loop& row, std::byte* x, const std::byte* y) {
    if constexpr (std::is_arithmetic_v<T>)
        if (row.target == static_cast<std::int64_t>(sizeof(T))) return add_gathered<T>(x, y, row.source, row.extent);
    add_each<T>(x, row.target, y, row.source, row.extent);
}

/// A complex number as a vector of two, which many processors add in one instruction.
#ifdef __GNUC__
template <class T> struct pair_of {
    using type [[gnu::vector_size(2 * sizeof(T))]] = T;
};
template <class T> using pair = typename pair_of<T>::type;
#else // such a compiler ignores the attribute, and would add real parts only
template <class T> using pair = complex<T>;
#endif
static_assert(sizeof(pair<float>) == sizeof(complex<float>) && sizeof(pair<double>) == sizeof(complex<double>));

/// The value is repeated until it fills a cache line.
template <class T>
NUMPY_BRIDGE_EVERYWHERE inline void add_one_complex(std::byte* x, const std::byte* y, std::int64_t n) {
    constexpr std::int64_t numbers = 64 / sizeof(complex<T>), parts = 2 * numbers;
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    alignas(64) T pattern[static_cast<std::size_t>(parts)];
    for (std::int64_t i = 0; i < parts; ++i) pattern[i] = load<T>(y + i % 2 * size);
    std::int64_t i = 0;
    for (; i + numbers <= n; i += numbers)
        for (std::int64_t j = 0; j < parts; ++j) {
            std::byte* at = x + (2 * i + j) * size;
            store(at, sum(load<T>(at), pattern[j]));
        }
    add_strided<pair<T>>({n - i, 2 * size, 0}, x + 2 * i * size, y);
}

/// The number of elements before the first that starts a cache line. Vectors across two lines take twice the time.
template <class T> std::int64_t elements_before_line(const std::byte* x, std::int64_t n) noexcept {
    constexpr std::uintptr_t line = 64;
    const std::uintptr_t bytes = (line - reinterpret_cast<std::uintptr_t>(x) % line) % line;
    return bytes % sizeof(T) != 0 ? 0 : std::min(static_cast<std::int64_t>(bytes / sizeof(T)), n);
}

template <class T> NUMPY_BRIDGE_EVERYWHERE inline void add_elements(const loop& row, std::byte* x, const std::byte* y) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    const bool packed = row.target == size && row.source == size, one_value = row.target == size && row.source == 0;
    if (!packed && !one_value) return add_strided<T>(row, x, y);
    const std::int64_t head = row.extent < 64 ? 0 : elements_before_line<T>(x, row.extent), rest = row.extent - head;
    add_strided<T>({head, row.target, row.source}, x, y);
    if (packed) add_packed<T>(x + head * size, y + head * size, rest);
    else add_one_value<T>(x + head * size, y, rest);
}

/// Packed numbers are added part by part, which compilers vectorise.
template <class T> NUMPY_BRIDGE_EVERYWHERE inline void add_complex(const loop& row, std::byte* x, const std::byte* y) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(complex<T>));
    if (row.target == size && row.source == size) return add_elements<T>({2 * row.extent, size / 2, size / 2}, x, y);
    if (row.target == size && row.source == 0) return add_one_complex<T>(x, y, row.extent);
    add_strided<pair<T>>(row, x, y);
}

template <class T> NUMPY_BRIDGE_EVERYWHERE inline void add_row(const loop& row, std::byte* x, const std::byte* y) {
    if constexpr (has_parts<T>) add_complex<part_of<T>>(row, x, y);
    else add_elements<T>(row, x, y);
}

template <class T> struct adder {
    NUMPY_BRIDGE_DISPATCH(add, add_row<T>, (const loop& row, std::byte* x, const std::byte* y), (row, x, y))
};

} // namespace

void add_on_cpu(dtype id, const iteration& it) noexcept {
    with_summand(id, [&](auto zero) {
        using T = decltype(zero);
        if constexpr (is_half<T>)
            for_each_row(it, [&](const loop& row, std::byte* x, const std::byte* y) { add_halves(id, row, x, y); });
        else for_each_row(it, adder<T>::best_add());
    });
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
