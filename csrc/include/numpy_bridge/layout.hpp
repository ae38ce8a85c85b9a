/// Shape and byte strides: sizes, bounds and contiguity, with every overflow checked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include <numpy_bridge/version.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// The most dimensions that the protocols support (PyBUF_MAX_NDIM, NumPy 2, DLPack consumers).
inline constexpr int max_ndim = 64;

/// Room for the extents or strides of any layout.
using dims = std::array<std::int64_t, max_ndim>;

/// Extents and byte strides of `ndim` dimensions. Owns nothing.
struct layout {
    int ndim = 0;
    const std::int64_t* shape = nullptr;
    const std::int64_t* strides = nullptr;
    std::int64_t itemsize = 0;
};

namespace detail {

/// Writes a * b for b >= 0 to `out`; true on overflow.
constexpr bool overflows(std::int64_t a, std::int64_t b, std::int64_t& out) noexcept {
#if defined(__GNUC__) || defined(__clang__) // a division costs more than the rest of a conversion's checks
    return __builtin_mul_overflow(a, b, &out);
#else
    using limits = std::numeric_limits<std::int64_t>;
    if (b != 0 && (a > (limits::max)() / b || a < (limits::min)() / b)) return true;
    out = a * b;
    return false;
#endif
}

/// a * b for b >= 0, if it fits.
constexpr std::optional<std::int64_t> multiply(std::int64_t a, std::int64_t b) noexcept {
    std::int64_t product = 0;
    if (overflows(a, b, product)) return std::nullopt;
    return product;
}

/// a + b for non-negative a and b, if it fits.
constexpr std::optional<std::int64_t> add(std::int64_t a, std::int64_t b) noexcept {
    if (a > (std::numeric_limits<std::int64_t>::max)() - b) return std::nullopt;
    return a + b;
}

} // namespace detail

/// Whether any extent is zero, which makes the shape empty.
constexpr bool is_empty(const layout& l) noexcept {
    for (int i = 0; i < l.ndim; ++i)
        if (l.shape[i] == 0) return true;
    return false;
}

/// Number of elements, or nothing if the product of the extents overflows.
constexpr std::optional<std::int64_t> element_count(const layout& l) noexcept {
    if (is_empty(l)) return 0;
    std::int64_t count = 1;
    for (int i = 0; i < l.ndim; ++i)
        if (detail::overflows(count, l.shape[i], count)) return std::nullopt;
    return count;
}

/// The strides that are used, those of extents above 1, or-ed bit by bit: negative if any is, and a multiple of a power
/// of two if all are.
constexpr std::int64_t used_strides(const layout& l) noexcept {
    std::int64_t used = 0;
    for (int i = 0; i < l.ndim; ++i) used |= l.shape[i] > 1 ? l.strides[i] : 0;
    return used;
}

/// The bytes that elements touch, relative to the first element: [low, high). Both are 0 when empty.
struct byte_bounds {
    std::int64_t low = 0;
    std::int64_t high = 0;
};

/// Bounds of all elements, or nothing if strides times extents overflow. Unused strides, of extents
/// of 1 or in empty memory, are ignored.
constexpr std::optional<byte_bounds> bounds_of(const layout& l) noexcept {
    if (is_empty(l)) return byte_bounds{};
    std::int64_t below = 0;
    std::int64_t above = l.itemsize;
    for (int i = 0; i < l.ndim; ++i) {
        const auto reach = detail::multiply(l.strides[i], l.shape[i] - 1);
        if (!reach || *reach == (std::numeric_limits<std::int64_t>::min)()) return std::nullopt;
        const auto sum = *reach < 0 ? detail::add(below, -*reach) : detail::add(above, *reach);
        if (!sum) return std::nullopt;
        (*reach < 0 ? below : above) = *sum;
    }
    if (!detail::add(below, above)) return std::nullopt;
    return byte_bounds{-below, above};
}

namespace detail {

/// Whether memory is packed in the order of dimensions `first`, `first + step`, ..., fastest first.
/// Dimensions of extent 1 may have any stride; empty memory is always packed.
constexpr bool packed(const layout& l, int first, int step) noexcept {
    auto expected = static_cast<std::uint64_t>(l.itemsize); // wraps only for shapes that hold a zero
    bool fits = true;
    for (int i = first; i >= 0 && i < l.ndim; i += step) {
        if (l.shape[i] == 0) return true;
        if (l.shape[i] == 1) continue;
        fits = fits && static_cast<std::uint64_t>(l.strides[i]) == expected;
        expected *= static_cast<std::uint64_t>(l.shape[i]);
    }
    return fits;
}

} // namespace detail

/// Row-major and gap-free, the last dimension fastest.
constexpr bool is_c_contiguous(const layout& l) noexcept { return detail::packed(l, l.ndim - 1, -1); }

/// Column-major and gap-free, the first dimension fastest.
constexpr bool is_f_contiguous(const layout& l) noexcept { return detail::packed(l, 0, 1); }

/// Writes row-major byte strides for `shape` to `strides`. Zero extents count as one, as in NumPy;
/// if that overflows, memory is empty and the stride is left unchanged.
constexpr void fill_c_strides(int ndim, const std::int64_t* shape, std::int64_t itemsize,
                              std::int64_t* strides) noexcept {
    std::int64_t step = itemsize;
    for (int i = ndim - 1; i >= 0; --i) {
        strides[i] = step;
        if (shape[i] > 1) step = detail::multiply(step, shape[i]).value_or(step);
    }
}

NUMPY_BRIDGE_NAMESPACE_END
