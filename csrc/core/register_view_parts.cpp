/// Views made of a View: len, iteration, indexing, reshape and cast.
#include <algorithm>
#include <string>
#include <vector>

#include "errors.hpp"
#include "indexing.hpp"
#include "register.hpp"
#include "reshaping.hpp"
#include "view.hpp"

namespace numpy_bridge {

namespace {

/// A View of a part of `whole`. Its source is the View at the end of the chain, so that parts of parts of parts do not
/// keep each other.
py::object part_of(const py::object& whole, imported& part) {
    const auto& from = whole.cast<const view&>();
    if (has_opaque_handles(part.description.device) && part.description.data != from.description().data)
        engine::refuse("View", "device", "memory with addresses, for a part that begins elsewhere",
                       name_of(part.description.device));
    part.stream = from.stream();
    return py::cast(std::make_unique<view>(part, end_of_chain(whole).ptr(), false));
}

Py_ssize_t length(PyObject* self) noexcept {
    const memory& m = py::handle(self).cast<const view&>().description();
    if (m.ndim > 0) return m.shape[0];
    PyErr_SetString(PyExc_TypeError, "a View without dimensions has no len()");
    return -1;
}

/// As for the other containers of Python; a View without dimensions has one element.
int truth(PyObject* self) noexcept {
    const memory& m = py::handle(self).cast<const view&>().description();
    return m.ndim == 0 || m.shape[0] > 0 ? 1 : 0;
}

PyObject* select_item(PyObject* self, PyObject* key) noexcept {
    try {
        const auto whole = py::reinterpret_borrow<py::object>(self);
        imported part;
        select(whole.cast<const view&>().description(), key, part);
        return part_of(whole, part).release().ptr();
    } catch (...) {
        set_python_exception();
        return nullptr;
    }
}

PyObject* iterate(PyObject* self) noexcept {
    try {
        if (py::handle(self).cast<const view&>().description().ndim == 0)
            throw py::type_error("a View without dimensions cannot be iterated over");
        const py::module_ builtins = py::module_::import("builtins");
        const py::object indices = builtins.attr("range")(length(self));
        return builtins.attr("map")(py::handle(self).attr("__getitem__"), indices).release().ptr();
    } catch (...) {
        set_python_exception();
        return nullptr;
    }
}

/// The extents that are meant by integers or by one tuple of them, of which one may be -1.
std::vector<std::int64_t> extents_of(const py::args& given, std::int64_t count) {
    std::vector<std::int64_t> extents;
    const bool listed = given.size() == 1 && PyIndex_Check(py::handle(given[0]).ptr()) == 0;
    for (const py::handle extent : listed ? py::tuple(py::object(given[0])) : py::tuple(given))
        extents.push_back(engine::read_integer("reshape", "shape", extent));
    validate_ndim(static_cast<std::int64_t>(extents.size()), "reshape");
    const auto open = std::find(extents.begin(), extents.end(), -1);
    if (open == extents.end()) return extents;
    *open = 1;
    const layout others{static_cast<int>(extents.size()), extents.data(), nullptr, 1};
    const std::int64_t known = element_count(others).value_or(0);
    *open = known > 0 && count % known == 0 ? count / known : -1;
    return extents;
}

py::object reshape(const py::object& self, const py::args& given) {
    const memory& from = self.cast<const view&>().description();
    const std::int64_t count = element_count(from);
    const auto extents = extents_of(given, count);
    const auto ndim = static_cast<int>(extents.size());
    const bool possible = std::all_of(extents.begin(), extents.end(), [](std::int64_t e) { return e >= 0; });
    if (!possible || element_count({ndim, extents.data(), nullptr, 1}) != count)
        engine::refuse("reshape", "shape", "a shape of " + std::to_string(count) + " elements",
                       py::str(py::tuple(given)).cast<std::string>());
    imported part;
    part.description = from;
    std::copy(extents.begin(), extents.end(), part.shape.begin());
    if (!reshape_strides(layout_of(from), ndim, extents.data(), part.strides.data()))
        engine::refuse("reshape", "strides", "strides that the shape " + text_of(extents.data(), ndim) + " can have",
                       text_of(from.strides, from.ndim) + " for " + text_of(from.shape, from.ndim),
                       "take a copy: numpy_bridge.to_numpy(v).reshape(...)");
    part.description.ndim = ndim;
    part.description.shape = part.shape.data();
    part.description.strides = part.strides.data();
    return part_of(self, part);
}

/// The dtype that is meant by a name, a typestr, or a dtype of torch or NumPy.
element_type dtype_of(const py::object& given) {
    if (PyUnicode_Check(given.ptr()) != 0) return parse_dtype(engine::to_text(given), "cast");
    if (engine::package_of(given.ptr()) == "torch") {
        const std::string text = engine::to_text(py::str(given));
        return parse_dtype(text.substr(text.rfind('.') + 1), "cast");
    }
    const py::object dtype = py::module_::import("numpy").attr("dtype")(given);
    const bool native = dtype.attr("isnative").cast<bool>();
    return parse_dtype(engine::to_text(dtype.attr(native ? "name" : "str")), "cast");
}

py::object cast(const py::object& self, const py::object& dtype) {
    imported part;
    reinterpret(self.cast<const view&>().description(), dtype_of(dtype), part);
    return part_of(self, part);
}

constexpr const char* reshape_doc = R"(A View of the same elements in another shape.

Parameters
----------
*shape : int or sequence of int
    The extents; one of them may be -1, and is then computed from the others.

Returns
-------
View

Raises
------
SharingError
    If the shape has another number of elements, or if only a copy could have it.

Examples
--------
>>> import numpy_bridge as bridge
>>> bridge.view(bytearray(6)).reshape(2, -1).shape
(2, 3)
)";

constexpr const char* cast_doc = R"(A View of the same bytes as elements of another dtype.

Values are not converted. As in `numpy.ndarray.view`, elements of another size change the last axis, which must have no
gaps. Elements may be unaligned afterwards; what needs aligned ones, such as torch, refuses them.

Parameters
----------
dtype : str or dtype
    A name ("float32", "bfloat16"), a typestr (">f4"), or a dtype of NumPy, ml_dtypes or torch.

Returns
-------
View

Raises
------
SharingError
    If the dtype is unknown, or if the last axis has gaps or a size that is no multiple of the new itemsize.

Examples
--------
>>> import numpy_bridge as bridge
>>> bridge.view(bytearray(8)).cast("float32")
<numpy_bridge.View float32 (2,) on cpu, of numpy_bridge.View>
)";

} // namespace

/// NumPy, torch and others take an object with `sq_item` for a sequence of Python objects, and read it one by one where
/// they do not know its protocols. So a View has the slots of a mapping and an iterator.
void set_up_view_parts(PyHeapTypeObject* heap_type) {
    PyTypeObject& type = heap_type->ht_type;
    type.tp_as_mapping = &heap_type->as_mapping;
    heap_type->as_mapping.mp_length = length;
    heap_type->as_mapping.mp_subscript = select_item;
    type.tp_as_number = &heap_type->as_number;
    heap_type->as_number.nb_bool = truth;
    type.tp_iter = iterate;
}

void register_view_parts(py::module_& module) {
    static_cast<py::class_<view>>(module.attr("View"))
        .def("reshape", reshape, reshape_doc)
        .def("cast", cast, py::arg("dtype"), cast_doc)
        .attr("__contains__") = py::none(); // values would be compared with Views, and never found
}

} // namespace numpy_bridge
