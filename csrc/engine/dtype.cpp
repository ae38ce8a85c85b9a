#include <numpy_bridge/dtype.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

NUMPY_BRIDGE_INLINE std::optional<std::string> typestr_of(element_type type) {
    const dtype_info& row = info(type.id);
    if (row.kind == 0) return std::nullopt;
    const bool little = (type.order == byte_order::native) != detail::big_endian;
    return std::string(1, row.itemsize == 1 ? '|' : little ? '<' : '>') + row.kind + std::to_string(row.itemsize);
}

NUMPY_BRIDGE_INLINE std::string name_of(element_type type) {
    const dtype_info& row = info(type.id);
    if (type.order == byte_order::native) return row.name;
    return std::string(1, detail::big_endian ? '<' : '>') + row.kind + std::to_string(row.itemsize);
}

NUMPY_BRIDGE_INLINE std::string name_of(dlpack::data_type type) {
    return "code " + std::to_string(static_cast<int>(type.code)) + ", " + std::to_string(type.bits) + " bits, " +
           std::to_string(type.lanes) + " lanes";
}

NUMPY_BRIDGE_NAMESPACE_END
