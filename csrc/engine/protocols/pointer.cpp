#include <numpy_bridge/protocols/pointer.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

NUMPY_BRIDGE_INLINE void import_pointer(std::byte* data, element_type type, device where, bool readonly,
                           const std::vector<std::int64_t>& shape,
                           const std::optional<std::vector<std::int64_t>>& strides, imported& out) {
    constexpr const char* protocol = "pointer";
    validate_ndim(static_cast<std::int64_t>(shape.size()), protocol);
    const int ndim = static_cast<int>(shape.size());
    const auto size = static_cast<std::int64_t>(itemsize(type.id));
    std::copy(shape.begin(), shape.end(), out.shape.begin());
    if (!strides) {
        fill_c_strides(ndim, out.shape.data(), size, out.strides.data());
    } else {
        if (strides->size() != shape.size())
            engine::refuse(protocol, "strides", std::to_string(shape.size()) + " byte strides",
                           std::to_string(strides->size()));
        std::copy(strides->begin(), strides->end(), out.strides.begin());
    }
    out.description = {data, type, where, readonly, ndim, out.shape.data(), out.strides.data()};
    validate(out.description, protocol);
}

NUMPY_BRIDGE_NAMESPACE_END
