#include <numpy_bridge/arguments/copy.hpp>

#include <string>
#include <string_view>

#include <numpy_bridge/copy.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// The dtype to convert to: that of `m` if it is accepted, else the widest accepted one.
NUMPY_BRIDGE_INLINE dtype target_dtype(const requirements& r, dtype found) {
    if ((r.dtypes & set_of(found)) != 0) return found;
    const dtype_info* widest = nullptr;
    for (const dtype_info& row : dtype_table)
        if ((r.dtypes & set_of(row.id)) != 0 && (widest == nullptr || row.itemsize > widest->itemsize)) widest = &row;
    return widest == nullptr ? found : widest->id;
}

NUMPY_BRIDGE_INLINE py::object converted_array(const py::object& values, const requirements& r) {
    imported in;
    engine::import_array(values.ptr(), engine::to_locate, in);
    const py::object type =
        numpy_library::get().descr_for({target_dtype(r, in.description.type.id), byte_order::native});
    const char* layout = r.order == order::f ? "F" : r.order == order::any ? "K" : "C";
    return values.attr("astype")(type, py::arg("order") = layout, py::arg("casting") = "same_kind",
                                 py::arg("copy") = true, py::arg("subok") = false);
}

NUMPY_BRIDGE_INLINE py::object converted_tensor(py::object values, const requirements& r) {
    const py::module_ torch = py::module_::import("torch");
    const std::string found = py::str(values.attr("dtype"));
    const auto id = from_name(std::string_view(found).substr(found.find('.') + 1));
    const py::object type = torch.attr(info(target_dtype(r, id.value_or(dtype::float32))).name);
    if (!torch.attr("can_cast")(values.attr("dtype"), type).cast<bool>())
        throw py::type_error(found + " cannot become " + engine::to_text(type) + " by a \"same_kind\" conversion");
    const auto reversed = [](const py::object& t) {
        return t.attr("permute")(
            py::tuple(py::module_::import("builtins").attr("range")(t.attr("dim")()).attr("__reversed__")()));
    };
    if (r.order == order::f) values = reversed(values);
    values =
        values.attr("to")(type, py::arg("copy") = true, py::arg("memory_format") = torch.attr("contiguous_format"));
    return r.order == order::f ? py::object(reversed(values)) : values;
}

NUMPY_BRIDGE_INLINE py::object converted(PyObject* x, const requirements& r) {
    const py::object values = engine::values_of(x);
    return engine::is_tensor(values.ptr()) ? converted_tensor(values, r) : converted_array(values, r);
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
