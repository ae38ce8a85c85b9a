/// Views made of a View: len, iteration, indexing, reshape and cast.
#include <algorithm>
#include <string>
#include <vector>

#include <pybind11/typing.h>

#include "errors.hpp"
#include "indexing.hpp"
#include "register.hpp"
#include "reshaping.hpp"
#include "view.hpp"

#include <numpy_bridge/cpython.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>

namespace numpy_bridge {

namespace {

/// A View of a part of `whole`. Its source is the View at the end of the chain, so that parts of parts of parts do not
/// keep each other; but a stream that the caller has named is kept by the View that it was named for.
std::unique_ptr<view> part_of(const py::object& whole, imported& part) {
    const auto& from = whole.cast<const view&>();
    if (has_opaque_handles(part.description.device) && part.description.data != from.description().data)
        engine::refuse("View", "device", "memory with addresses, for a part that begins elsewhere",
                       name_of(part.description.device));
    part.stream = from.stream();
    if (from.owners_stream() != nullptr) part.owners_stream = stream_of_view;
    else if (part.stream > engine::legacy_default_stream) part.pin = whole;
    if (part.description.type.id == dtype::opaque && !part.elements) // `whole` need not live as long
        part.elements = numpy_library::get().descr_for(part.description);
    return std::make_unique<view>(part, end_of_chain(whole).ptr(), false);
}

Py_ssize_t length_of(const view& self) {
    if (self.description().ndim > 0) return self.description().shape[0];
    throw py::type_error("a View without dimensions has no len()");
}

/// As for the other containers of Python. A View without dimensions has one element.
bool has_elements(const view& self) {
    const memory& m = self.description();
    return m.ndim == 0 || m.shape[0] > 0;
}

std::unique_ptr<view> item_of(const py::object& self, const py::object& key) {
    imported part;
    select(self.cast<const view&>().description(), key.ptr(), part);
    return part_of(self, part);
}

py::typing::Iterator<view> iterator_over(const py::object& self) {
    if (self.cast<const view&>().description().ndim == 0)
        throw py::type_error("a View without dimensions cannot be iterated over");
    const py::module_ builtins = py::module_::import("builtins"), itertools = py::module_::import("itertools");
    const py::object indices = builtins.attr("range")(length_of(self.cast<const view&>()));
    const py::object get = py::module_::import("operator").attr("getitem");
    return builtins.attr("map")(get, itertools.attr("repeat")(self), indices);
}

/// `body()` as a slot of CPython returns it, or `failed` with an exception set.
template <class Result, class Body> Result as_slot(Result failed, Body body) noexcept {
    try {
        return body();
    } catch (...) {
        set_python_exception();
        return failed;
    }
}

Py_ssize_t length_slot(PyObject* self) noexcept {
    return as_slot<Py_ssize_t>(-1, [&] { return length_of(py::handle(self).cast<const view&>()); });
}

PyObject* item_slot(PyObject* self, PyObject* key) noexcept {
    return as_slot<PyObject*>(nullptr, [&] {
        const auto whole = py::reinterpret_borrow<py::object>(self), index = py::reinterpret_borrow<py::object>(key);
        return py::cast(item_of(whole, index)).release().ptr();
    });
}

/// Other libraries take an object with `sq_item` for a sequence of Python objects, and read it one by one where they do
/// not know its protocols. So a View has the slots of a mapping only; pybind11 fills both.
void remove_sequence_slots(PyHeapTypeObject* heap_type) {
    heap_type->as_sequence.sq_item = nullptr;
    heap_type->as_sequence.sq_length = nullptr;
    heap_type->as_mapping.mp_length = length_slot; // without pybind11's dispatch
    heap_type->as_mapping.mp_subscript = item_slot;
    PyType_Modified(&heap_type->ht_type);
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

std::unique_ptr<view> reshape(const py::object& self, const py::Args<py::object>& given) {
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

/// Gives the elements the dtype that is meant by a name, a typestr, or a dtype of torch or NumPy.
void set_dtype(const py::object& given, imported& out) {
    out.description.opaque = {};
    if (engine::package_of(given.ptr()) == "torch") {
        const std::string text = engine::to_text(py::str(given));
        out.description.type = parse_dtype(text.substr(text.rfind('.') + 1), "cast");
        return;
    }
    const bool named = PyUnicode_Check(given.ptr()) != 0;
    const py::object dtype = named ? py::object() : py::module_::import("numpy").attr("dtype")(given);
    const bool native = named || dtype.attr("isnative").cast<bool>();
    const std::string text = engine::to_text(named ? given : py::object(dtype.attr(native ? "name" : "str")));
    const bool number = from_name(text) || from_typestr(text);
    py::object other = number ? py::object() : named ? engine::opaque_dtype(given) : dtype;
    if (other && engine::is_opaque(other)) return engine::set_opaque(std::move(other), out);
    out.description.type = parse_dtype(text, "cast");
}

std::unique_ptr<view> cast(const py::object& self, const py::object& dtype) {
    imported part;
    part.description = self.cast<const view&>().description();
    part.own_extents();
    const std::int64_t old_size = itemsize(part.description);
    set_dtype(dtype, part);
    fit_last_axis(part.description, old_size, part.shape, part.strides);
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

void register_view_parts(py::module_& module) {
    auto type = static_cast<py::class_<view>>(module.attr("View"));
    type.def("__len__", length_of, "The extent of the first axis.")
        .def("__bool__", has_elements, "Whether there is anything along the first axis.")
        .def("__getitem__", item_of, py::arg("key"), "The part that integers, slices, ... and None select: a View.")
        .def("__iter__", iterator_over, "The parts along the first axis.")
        .def("reshape", reshape, reshape_doc)
        .def("cast", cast, py::arg("dtype"), cast_doc);
    type.attr("__contains__") = py::none(); // values would be compared with Views, and never found
    remove_sequence_slots(reinterpret_cast<PyHeapTypeObject*>(type.ptr()));
}

} // namespace numpy_bridge
