#include "add.hpp"

#include "simd.hpp"
#include "unaligned.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

/// Strides known at compile time are what lets compilers vectorise. The operands are the same or do not overlap.
template <class T> NUMPY_BRIDGE_EVERYWHERE inline void add_packed(std::byte* x, const std::byte* y, std::int64_t n) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) store(x + i * size, sum(load<T>(x + i * size), load<T>(y + i * size)));
}

template <class T> NUMPY_BRIDGE_EVERYWHERE inline void add_one_value(std::byte* x, const std::byte* y, std::int64_t n) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    const T value = load<T>(y);
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) store(x + i * size, sum(load<T>(x + i * size), value));
}

template <class T> NUMPY_BRIDGE_EVERYWHERE inline void add_strided(const loop& row, std::byte* x, const std::byte* y) {
    for (std::int64_t i = 0; i < row.extent; ++i)
        store(x + i * row.target, sum(load<T>(x + i * row.target), load<T>(y + i * row.source)));
}

template <class T> NUMPY_BRIDGE_EVERYWHERE inline void add_elements(const loop& row, std::byte* x, const std::byte* y) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    if (row.target == size && row.source == size) add_packed<T>(x, y, row.extent);
    else if (row.target == size && row.source == 0) add_one_value<T>(x, y, row.extent);
    else add_strided<T>(row, x, y);
}

template <class T>
NUMPY_BRIDGE_EVERYWHERE inline void add_numbers(bool complex_numbers, const loop& row, std::byte* x,
                                                const std::byte* y) {
    if (complex_numbers) add_elements<complex<T>>(row, x, y);
    else add_elements<T>(row, x, y);
}

NUMPY_BRIDGE_EVERYWHERE inline void add_any(addition how, const loop& row, std::byte* x, const std::byte* y) {
    switch (how.of) {
    case arithmetic::uint8:
        return add_elements<std::uint8_t>(row, x, y);
    case arithmetic::uint16:
        return add_elements<std::uint16_t>(row, x, y);
    case arithmetic::uint32:
        return add_elements<std::uint32_t>(row, x, y);
    case arithmetic::uint64:
        return add_elements<std::uint64_t>(row, x, y);
    case arithmetic::bfloat16:
        return add_elements<bfloat16>(row, x, y);
    case arithmetic::float16:
        return add_numbers<float16>(how.complex, row, x, y);
    case arithmetic::float32:
        return add_numbers<float>(how.complex, row, x, y);
    case arithmetic::float64:
        return add_numbers<double>(how.complex, row, x, y);
    }
}

NUMPY_BRIDGE_DISPATCH(add_row, add_any, (addition how, const loop& row, std::byte* x, const std::byte* y),
                      (how, row, x, y))

} // namespace

void add_on_cpu(addition how, const iteration& it) noexcept {
    for_each_row(
        it, [&](const loop& row, std::byte* target, const std::byte* source) { add_row(how, row, target, source); });
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
