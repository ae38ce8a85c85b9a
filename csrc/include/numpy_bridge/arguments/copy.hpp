/// Conversions for arguments that allow them. NumPy and torch make the copies.
#pragma once

#include <memory>
#include <string>

#include <numpy_bridge/arguments/mismatch.hpp>
#include <numpy_bridge/import.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// The dtype to convert to: the one that is there where it is accepted, else the widest that is.
inline dtype target_dtype(const requirements& r, dtype found) {
    if ((r.dtypes & set_of(found)) != 0) return found;
    const dtype_info* widest = nullptr;
    for (const dtype_info& row : dtype_table)
        if ((r.dtypes & set_of(row.id)) != 0 && (widest == nullptr || row.itemsize > widest->itemsize)) widest = &row;
    return widest == nullptr ? found : widest->id;
}

/// A NumPy array over whatever `x` is, which holds what must be held.
inline py::object array_over(PyObject* x) {
    const numpy_library& numpy = numpy_library::get();
    if (numpy.is_array(x)) return py::reinterpret_borrow<py::object>(x);
    imported in;
    import_object(x, purpose::copy, in);
    in.own_extents();
    return numpy.new_array(in.description, capsule_over(in.anchored_to(x)));
}

inline py::object numpy_copy(PyObject* x, const requirements& r) {
    const py::module_ numpy = py::module_::import("numpy");
    const py::object source = array_over(x);
    imported in;
    import_ndarray(source.ptr(), purpose::locate, in);
    const py::object type =
        numpy_library::get().descr_for({target_dtype(r, in.description.type.id), byte_order::native});
    const char* layout = r.order == order::f ? "F" : r.order == order::any ? "K" : "C";
    return source.attr("astype")(type, py::arg("order") = layout, py::arg("casting") = "same_kind",
                                 py::arg("copy") = true, py::arg("subok") = false);
}

inline py::object torch_copy(PyObject* x, const requirements& r) {
    const py::module_ torch = py::module_::import("torch");
    py::object t = py::handle(x).attr("detach")().attr("resolve_conj")().attr("resolve_neg")();
    const std::string found = py::str(t.attr("dtype"));
    const auto id = from_name(std::string_view(found).substr(found.find('.') + 1));
    const py::object type = torch.attr(info(target_dtype(r, id.value_or(dtype::float32))).name);
    if (!torch.attr("can_cast")(t.attr("dtype"), type).cast<bool>())
        throw py::type_error(found + " cannot become " + to_text(type) + " by a \"same_kind\" conversion");
    py::list reversed(py::module_::import("builtins").attr("range")(t.attr("dim")()));
    reversed.attr("reverse")();
    if (r.order == order::f) t = t.attr("permute")(reversed);
    t = t.attr("to")(type, py::arg("copy") = true, py::arg("memory_format") = torch.attr("contiguous_format"));
    return r.order == order::f ? py::object(t.attr("permute")(reversed)) : t;
}

/// A new object of the same library that holds the values of `x` as `r` wants them. Raises TypeError
/// or sharing_error for values that cannot be converted.
inline py::object converted(PyObject* x, const requirements& r) {
    const torch_library* torch = torch_library::loaded();
    return torch != nullptr && torch->is_tensor(x) ? torch_copy(x, r) : numpy_copy(x, r);
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
