#include <algorithm>

#include <numpy_bridge/memory.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

NUMPY_BRIDGE_INLINE std::string text_of(const std::int64_t* values, int count) {
    std::string text = "(";
    for (int i = 0; i < count; ++i) {
        if (i > 0) text += ", ";
        text += std::to_string(values[i]);
    }
    return text + (count == 1 ? ",)" : ")");
}

NUMPY_BRIDGE_INLINE void validate_shape(int ndim, const std::int64_t* shape, std::int64_t itemsize,
                                        const char* protocol) {
    for (int i = 0; i < ndim; ++i)
        if (shape[i] < 0) engine::refuse(protocol, "shape", "non-negative extents", text_of(shape, ndim));
    const auto count = element_count({ndim, shape, nullptr, itemsize});
    if (!count || !detail::multiply(*count, itemsize))
        engine::refuse(protocol, "shape", "a size in bytes below 2**63",
                       text_of(shape, ndim) + " of " + std::to_string(itemsize) + "-byte elements");
}

namespace detail {

NUMPY_BRIDGE_INLINE bool same_memory(const memory& a, const memory& b) noexcept {
    const bool alike = a.type.id == b.type.id && a.type.order == b.type.order && itemsize(a) == itemsize(b) &&
                       a.ndim == b.ndim && std::equal(a.shape, a.shape + a.ndim, b.shape);
    if (!alike || is_empty(a)) return alike;
    return a.data == b.data && std::equal(a.strides, a.strides + a.ndim, b.strides);
}

NUMPY_BRIDGE_INLINE void refuse_ndim(std::int64_t ndim, const char* protocol) {
    engine::refuse(protocol, "ndim", "0 to " + std::to_string(max_ndim) + " dimensions", std::to_string(ndim),
                   ndim > max_ndim ? "merge some dimensions first" : "");
}

NUMPY_BRIDGE_INLINE void refuse_device(device where, const char* protocol) {
    if (!is_known(where.type)) engine::refuse(protocol, "device", "a device type of DLPack 1.3", name_of(where));
    engine::refuse(protocol, "device", "a non-negative device index", std::to_string(where.index));
}

/// Whether all elements lie inside the address space.
NUMPY_BRIDGE_INLINE bool fits_address_space(const memory& m, byte_bounds bounds) noexcept {
    const auto below = static_cast<std::uint64_t>(-bounds.low), above = static_cast<std::uint64_t>(bounds.high);
    if (has_opaque_handles(m.device)) return below + above <= address_limit;
    const std::uint64_t address = untagged_address(m.data);
    return address != 0 && address >= below && above <= address_limit && address <= address_limit - above;
}

NUMPY_BRIDGE_INLINE void validate_thoroughly(const memory& m, const char* protocol) {
    validate_shape(m.ndim, m.shape, itemsize(m), protocol);
    const auto bounds = bounds_of(layout_of(m));
    if (!bounds)
        engine::refuse(protocol, "strides", "strides that reach less than 2**63 bytes",
                       text_of(m.strides, m.ndim) + " for shape " + text_of(m.shape, m.ndim));
    if (bounds->high == 0) return; // empty: the pointer means nothing
    if (m.data == nullptr)
        engine::refuse(protocol, "data", "a pointer to " + std::to_string(element_count(m)) + " elements", "NULL",
                       "this object has a shape but no memory behind it");
    if (!fits_address_space(m, *bounds))
        engine::refuse(protocol, "data", "elements inside the address space",
                       "address " + std::to_string(reinterpret_cast<std::uintptr_t>(m.data)) + " with bytes [" +
                           std::to_string(bounds->low) + ", " + std::to_string(bounds->high) + ")");
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
