/// Descriptions of blocks of memory, and their validation.
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

/// What is known of elements with the dtype `opaque`.
struct opaque_elements {
    std::int64_t itemsize = 0; ///< bytes
    void* dtype = nullptr;     ///< NumPy's dtype, a borrowed Python object
};

/// A block of memory: pointer, element type, shape, byte strides, device, read-only flag.
/// Owns nothing. `shape` and `strides` point to `ndim` entries that must outlive it.
struct memory {
    std::byte* data = nullptr; ///< the first element
    element_type type{dtype::uint8, byte_order::native};
    numpy_bridge::device device = cpu_device;
    bool readonly = false;
    int ndim = 0;
    const std::int64_t* shape = nullptr;
    const std::int64_t* strides = nullptr; ///< bytes
    opaque_elements opaque{};              ///< for `dtype::opaque` only
};

/// Memory that the host can read.
inline memory host_memory(void* data, element_type type, bool readonly, int ndim, const std::int64_t* shape,
                          const std::int64_t* strides) noexcept {
    return {static_cast<std::byte*>(data), type, cpu_device, readonly, ndim, shape, strides, {}};
}

inline std::int64_t itemsize(const memory& m) noexcept {
    const std::int64_t fixed = info(m.type.id).itemsize;
    return fixed != 0 ? fixed : m.opaque.itemsize;
}
inline layout layout_of(const memory& m) noexcept { return {m.ndim, m.shape, m.strides, itemsize(m)}; }
inline bool is_empty(const memory& m) noexcept { return is_empty(layout_of(m)); }

/// Number of elements of validated memory.
inline std::int64_t element_count(const memory& m) noexcept { return element_count(layout_of(m)).value_or(0); }

/// Whether the address of every element is a multiple of `alignment`, a power of two.
inline bool is_aligned(const memory& m, std::int64_t alignment) noexcept {
    if (is_empty(m)) return true;
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(m.data));
    const std::uint64_t bits = address | static_cast<std::uint64_t>(used_strides(layout_of(m))); // of all addresses
    return (bits & static_cast<std::uint64_t>(alignment - 1)) == 0;
}

/// Elements times itemsize, of validated memory: what a gap-free copy would take.
inline std::int64_t byte_count(const memory& m) noexcept { return element_count(m) * itemsize(m); }

/// "(5, 2)", "(5,)", "()": as Python writes tuples.
std::string text_of(const std::int64_t* values, int count);

namespace detail {

/// The end of the addresses that a process can have: 64-bit Arm gives 52 bits at most, and x86-64 57.
#if defined(__aarch64__) || defined(_M_ARM64)
inline constexpr std::uint64_t address_limit = std::uint64_t{1} << 52;
#else
inline constexpr std::uint64_t address_limit = std::uint64_t{1} << 57;
#endif

/// The address, without the tag that 64-bit Arm lets programs keep in the top byte.
inline std::uint64_t untagged_address(const void* data) noexcept {
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(data));
#if defined(__aarch64__) || defined(_M_ARM64)
    return address & (~std::uint64_t{0} >> 8);
#else
    return address;
#endif
}

/// A fast test that accepts most memory: it has elements, sizes without overflow, and an address with room for
/// the elements' span on both sides. Everything else, empty memory included, is left to `validate`.
inline bool is_plainly_valid(const memory& m) noexcept {
    std::int64_t bytes = itemsize(m);
    auto span = static_cast<std::uint64_t>(bytes);
    for (int i = 0; i < m.ndim; ++i) {
        if (m.shape[i] <= 0) return false;
        std::int64_t reach = 0;
        const bool overflow = overflows(bytes, m.shape[i], bytes) || overflows(m.strides[i], m.shape[i] - 1, reach);
        if (overflow || reach == (std::numeric_limits<std::int64_t>::min)()) return false;
        span += static_cast<std::uint64_t>(reach < 0 ? -reach : reach);
        if (span > address_limit) return false;
    }
    const std::uint64_t address = untagged_address(m.data);
    return address >= span && address <= address_limit - span;
}

/// Whether two descriptions are of the same elements. Empty memory has no address to compare.
bool same_memory(const memory& a, const memory& b) noexcept;

[[noreturn]] void refuse_ndim(std::int64_t ndim, const char* protocol);
[[noreturn]] void refuse_device(device where, const char* protocol);
void validate_thoroughly(const memory& m, const char* protocol);

} // namespace detail

/// Refuses an impossible number of dimensions. Call it before reading shape or strides.
inline void validate_ndim(std::int64_t ndim, const char* protocol) {
    if (ndim < 0 || ndim > max_ndim) detail::refuse_ndim(ndim, protocol);
}

/// Refuses unknown device types and negative indices.
inline void validate_device(device where, const char* protocol) {
    if (!is_known(where.type) || where.index < 0) detail::refuse_device(where, protocol);
}

/// Refuses negative extents and sizes in bytes that overflow.
void validate_shape(int ndim, const std::int64_t* shape, std::int64_t itemsize, const char* protocol);

/// Checks everything about `m` that can be checked without reading its memory. Later code relies on it: sizes and
/// bounds do not overflow, the pointer is set if there are elements, and all of them are in the address space of a
/// process. An opaque handle is no address; only the span of its elements is checked.
/// `ndim` must have passed `validate_ndim`.
inline void validate(const memory& m, const char* protocol) {
    if (!detail::is_plainly_valid(m)) detail::validate_thoroughly(m, protocol);
}

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/memory.cpp"
#endif
