/// A description of a block of memory, and the one place where descriptions are checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include <numpy_bridge/device.hpp>
#include <numpy_bridge/dtype.hpp>
#include <numpy_bridge/error.hpp>
#include <numpy_bridge/layout.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// What a block of memory is: pointer, element type, shape, byte strides, device, read-only flag.
/// It owns nothing; `shape` and `strides` have `ndim` entries and belong to whoever filled it in.
struct memory {
    std::byte* data = nullptr; ///< the first element
    element_type type{dtype::uint8, byte_order::native};
    numpy_bridge::device device = cpu_device;
    bool readonly = false;
    int ndim = 0;
    const std::int64_t* shape = nullptr;
    const std::int64_t* strides = nullptr; ///< bytes
};

inline std::int64_t itemsize(const memory& m) noexcept { return info(m.type.id).itemsize; }
inline layout layout_of(const memory& m) noexcept { return {m.ndim, m.shape, m.strides, itemsize(m)}; }
inline bool is_empty(const memory& m) noexcept { return is_empty(layout_of(m)); }

/// Number of elements of validated memory.
inline std::int64_t element_count(const memory& m) noexcept { return element_count(layout_of(m)).value_or(0); }

/// Whether every element lies at a multiple of `alignment`, a power of two.
inline bool is_aligned(const memory& m, std::int64_t alignment) noexcept {
    if (is_empty(m)) return true;
    auto used = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(m.data)); // the bits of all addresses
    for (int i = 0; i < m.ndim; ++i) used |= m.shape[i] > 1 ? static_cast<std::uint64_t>(m.strides[i]) : 0;
    return (used & static_cast<std::uint64_t>(alignment - 1)) == 0;
}

/// Elements times itemsize, of validated memory: what a gap-free copy would take.
inline std::int64_t byte_count(const memory& m) noexcept { return element_count(m) * itemsize(m); }

/// "(5, 2)", "(5,)", "()": as Python writes tuples.
inline std::string text_of(const std::int64_t* values, int count) {
    std::string text = "(";
    for (int i = 0; i < count; ++i) {
        if (i > 0) text += ", ";
        text += std::to_string(values[i]);
    }
    return text + (count == 1 ? ",)" : ")");
}

namespace detail {

[[noreturn]] inline void refuse(const char* protocol, const char* field, std::string expected, std::string got,
                                std::string hint = {}) {
    throw sharing_error({protocol, field, std::move(expected), std::move(got), std::move(hint)});
}

/// Whether all elements lie inside the address space.
inline bool fits_address_space(const memory& m, byte_bounds bounds) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(m.data);
    return address >= static_cast<std::uintptr_t>(-bounds.low) &&
           address <= std::numeric_limits<std::uintptr_t>::max() - static_cast<std::uintptr_t>(bounds.high);
}

/// True for everyday memory, in one quick pass: elements, sizes that fit, and an address with room for
/// the elements' span on both sides. All else, empty memory included, is left to `validate`.
inline bool is_plainly_valid(const memory& m) noexcept {
    std::int64_t bytes = itemsize(m);
    auto span = static_cast<std::uint64_t>(bytes);
    for (int i = 0; i < m.ndim; ++i) {
        if (m.shape[i] <= 0) return false;
        std::int64_t reach = 0;
        const bool overflow = overflows(bytes, m.shape[i], bytes) || overflows(m.strides[i], m.shape[i] - 1, reach);
        if (overflow || reach == std::numeric_limits<std::int64_t>::min()) return false;
        span += static_cast<std::uint64_t>(reach < 0 ? -reach : reach);
        if (span > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return false;
    }
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(m.data));
    return address >= span && address <= std::numeric_limits<std::uintptr_t>::max() - span;
}

} // namespace detail

/// Refuses a number of dimensions that no protocol can mean. Call it before reading shape or strides.
inline void validate_ndim(std::int64_t ndim, const char* protocol) {
    if (ndim < 0 || ndim > max_ndim)
        detail::refuse(protocol, "ndim", "0 to " + std::to_string(max_ndim), std::to_string(ndim),
                       ndim > max_ndim ? "merge some dimensions first: x.reshape(...)" : "");
}

/// Refuses devices that no library can mean.
inline void validate_device(device where, const char* protocol) {
    if (!is_known(where.type)) detail::refuse(protocol, "device", "a device type of DLPack 1.3", name_of(where));
    if (where.index < 0) detail::refuse(protocol, "device", "an index of 0 or more", std::to_string(where.index));
}

/// Refuses negative extents and element counts whose bytes cannot be counted.
inline void validate_shape(int ndim, const std::int64_t* shape, std::int64_t itemsize, const char* protocol) {
    for (int i = 0; i < ndim; ++i)
        if (shape[i] < 0) detail::refuse(protocol, "shape", "extents of 0 or more", text_of(shape, ndim));
    const auto count = element_count({ndim, shape, nullptr, itemsize});
    if (!count || !detail::multiply(*count, itemsize))
        detail::refuse(protocol, "shape", "a size in bytes below 2**63",
                       text_of(shape, ndim) + " of " + std::to_string(itemsize) + "-byte elements");
}

/// Checks everything about `m` that can be known without reading its memory. Behind this call the
/// description is trusted: sizes and bounds free of overflow, a pointer where there are elements.
/// `ndim` must have passed `validate_ndim`.
inline void validate(const memory& m, const char* protocol) {
    if (detail::is_plainly_valid(m)) return;
    validate_shape(m.ndim, m.shape, itemsize(m), protocol);
    const auto bounds = bounds_of(layout_of(m));
    if (!bounds)
        detail::refuse(protocol, "strides", "byte bounds below 2**63",
                       text_of(m.strides, m.ndim) + " for shape " + text_of(m.shape, m.ndim));
    if (bounds->high == 0) return; // empty: the pointer means nothing
    if (m.data == nullptr)
        detail::refuse(protocol, "data", "a pointer to " + std::to_string(element_count(m)) + " elements", "NULL",
                       "this object has a shape but no memory behind it");
    if (!detail::fits_address_space(m, *bounds))
        detail::refuse(protocol, "data", "elements inside the address space",
                       "address " + std::to_string(reinterpret_cast<std::uintptr_t>(m.data)) + " with bytes [" +
                           std::to_string(bounds->low) + ", " + std::to_string(bounds->high) + ")");
}

NUMPY_BRIDGE_NAMESPACE_END
