/// The Python class numpy_bridge.View: properties, the buffer protocol, comparison, garbage collection.
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include "errors.hpp"
#include "register.hpp"
#include "view.hpp"

#include <numpy_bridge/libraries/view.hpp>
#include <numpy_bridge/opaque.hpp>
#include <numpy_bridge/protocols/array_interface.hpp>
#include <numpy_bridge/protocols/buffer.hpp>

namespace numpy_bridge {

namespace {

using int_tuple = py::typing::Tuple<py::int_, py::ellipsis>;

std::string represent_view(const view& self) {
    const memory& m = self.description();
    std::string text = "<numpy_bridge.View " + name_of(m) + " " + text_of(m.shape, m.ndim) + " on " + name_of(m.device);
    if (m.readonly) text += ", read-only";
    if (!self.source()) return text + ">";
    const bool of_view = is_view(self.source().ptr());
    return text + ", of " + (of_view ? "numpy_bridge.View" : engine::type_name(self.source())) + ">";
}

/// The object at the end of a chain of views.
py::object owner_of(const py::object& self) {
    const py::handle source = end_of_chain(self).cast<const view&>().source();
    return source ? py::reinterpret_borrow<py::object>(source) : py::none();
}

/// NumPy knows the format of its own dtypes, and an array keeps the text of it.
int get_buffer_of_array(PyObject* self, Py_buffer* out, int flags) {
    const py::object array = array_of_view(py::reinterpret_borrow<py::object>(self));
    if (PyObject_GetBuffer(array.ptr(), out, flags) == 0) return 0;
    const std::string reason = engine::text_of_pending_error(); // first: naming the dtype may call Python
    engine::refuse("buffer", "request", "a dtype that PEP 3118 has a format for",
                   name_of(py::handle(self).cast<const view&>().description()) + ": " + reason);
}

int get_buffer(PyObject* self, Py_buffer* out, int flags) noexcept {
    try {
        out->obj = nullptr;
        const auto& known = py::handle(self).cast<const view&>();
        known.require_ready_for_host();
        if (known.description().type.id == dtype::opaque) return get_buffer_of_array(self, out, flags);
        export_buffer(self, known.description(), out, flags);
        return 0;
    } catch (...) {
        set_python_exception();
        return -1;
    }
}

/// The view inside its Python object; null while that is being made.
///
/// Calls nothing of pybind11: its look-up takes longer than the rest of a function in `published`, and the garbage
/// collector must not take locks. Without the GIL the collector may visit an object that another thread is still
/// constructing, before pybind11 has initialised it, which needs a lock. All fields are zero until then, and
/// `py::detail::is_holder_constructed` would follow a null pointer.
const view* finished_view(PyObject* self) noexcept {
    const auto* instance = reinterpret_cast<const py::detail::instance*>(self);
    const bool finished = instance->simple_layout && instance->simple_holder_constructed;
    return finished ? static_cast<const view*>(instance->simple_value_holder[0]) : nullptr;
}

PyObject* source_of_view(PyObject* self) noexcept {
    const view* finished = finished_view(self);
    return finished == nullptr ? nullptr : finished->source().ptr();
}

bool read_view(PyObject* self, engine::view_memory* out) noexcept {
    const view* finished = finished_view(self);
    if (finished == nullptr) return false;
    const memory& m = finished->description();
    if (m.device.type != device_type::cpu || m.type.id == dtype::opaque || m.type.order != byte_order::native)
        return false;
    *out = {m.data, info(m.type.id).dlpack, m.ndim, m.readonly ? 1 : 0, m.shape, m.strides};
    return true;
}

engine::view_functions published = {nullptr, source_of_view, read_view};

/// There is no tp_clear: a View never changes, so a cycle through it also runs through something that
/// can be cleared, as with tuples.
int traverse_view(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    const view* finished = finished_view(self);
    return finished == nullptr ? 0 : finished->traverse(visit, arg);
}

/// A read-only view of bytes hashes as the memoryview of it, and as `bytes`; others do not hash.
py::int_ hash(const py::object& self) {
    const memory& m = self.cast<const view&>().description();
    if (!m.readonly) throw py::value_error("cannot hash a writable View");
    if (!self.cast<const view&>().ready_for_host()) throw py::value_error("cannot hash a View of device memory");
    if (const py::handle source = self.cast<const view&>().source()) py::hash(source); // mutable owners do not hash
    if (m.type.id != dtype::uint8 && m.type.id != dtype::int8)
        throw py::value_error("cannot hash a View of " + name_of(m) + "; only int8 and uint8 hash, as in memoryview");
    return py::hash(engine::stolen(PyMemoryView_FromObject(self.ptr())).attr("tobytes")());
}

bool memoryview_reads(const py::object& x) {
    if (PyObject_CheckBuffer(x.ptr()) == 0) return false;
    if (!is_view(x.ptr())) return true;
    const auto& known = x.cast<const view&>();
    return known.ready_for_host() && format_of(known.description().type) != nullptr;
}

/// Compares values as memoryview does. Memory that memoryview cannot read is equal only to itself.
py::object equals(const py::object& self, const py::object& other) {
    if (self.is(other)) return py::bool_(true);
    if (!memoryview_reads(self) || !memoryview_reads(other))
        return py::reinterpret_borrow<py::object>(Py_NotImplemented);
    const py::object mine = engine::stolen(PyMemoryView_FromObject(self.ptr()));
    return engine::stolen(PyObject_RichCompare(mine.ptr(), other.ptr(), Py_EQ));
}

py::typing::Tuple<py::object, py::ellipsis> reduce(const py::object& self) {
    return py::module_::import("numpy_bridge.processes.reducing").attr("reduce_view")(self);
}

constexpr const char* class_doc = R"(A share of one block of memory, which supports every protocol.

Made by `view` and `from_pointer`. A View owns no memory; it keeps the owner alive and the block in
place. Works with memoryview, numpy.asarray, numpy.from_dlpack, torch.from_dlpack, hashlib,
socket.send, file.write, struct and everything else that takes a buffer, DLPack or one of the array
interfaces. Attributes of protocols that cannot describe the memory, such as
``__array_interface__`` for bfloat16 or for device memory, are absent.

``v[...]`` selects a part as NumPy's basic indexing does; it is a View, too, even of a single element.

``torch.asarray`` reads the bytes of any buffer as float32, those of a View too: use `to_torch`,
``torch.from_dlpack`` or ``torch.as_tensor``.
)";

} // namespace

void set_up_view_type(PyHeapTypeObject* heap_type) {
    PyTypeObject& type = heap_type->ht_type;
    type.tp_flags |= Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    type.tp_traverse = traverse_view;
    type.tp_as_buffer = &heap_type->as_buffer;
    heap_type->as_buffer.bf_getbuffer = get_buffer;
}

void register_view(py::module_& module) {
    const auto described = [](auto property) {
        return [property](const view& self) { return property(self.description()); };
    };
    py::class_<view> type(module, "View", py::custom_type_setup(set_up_view_type), py::is_final(), class_doc);
    view_type = reinterpret_cast<PyTypeObject*>(type.ptr());
    engine::add_library(view_row);
    published.type = view_type;
    type.attr("__numpy_bridge_view__") = engine::stolen(PyCapsule_New(&published, engine::view_capsule_name, nullptr));
    type.def_property_readonly(
            "shape", described([](const memory& m) -> int_tuple { return engine::tuple_of(m.shape, m.ndim); }),
            "Extents, one an axis.")
        .def_property_readonly(
            "strides", described([](const memory& m) -> int_tuple { return engine::tuple_of(m.strides, m.ndim); }),
            "Steps between neighbours along each axis, in bytes.")
        .def_property_readonly("dtype", described([](const memory& m) { return name_of(m); }),
                               R"(Name of the element type: 'float32'; for foreign byte order the typestr: '>f4'.

For times, records and other elements that only NumPy has, the text of NumPy's dtype, which is ``to_numpy(v).dtype``.)")
        .def_property_readonly("itemsize", described([](const memory& m) { return itemsize(m); }),
                               "Bytes of one element.")
        .def_property_readonly("nbytes", described([](const memory& m) { return byte_count(m); }),
                               "Elements times itemsize.")
        .def_property_readonly("ndim", described([](const memory& m) { return m.ndim; }), "Number of axes, 0 to 64.")
        .def_property_readonly("readonly", described([](const memory& m) { return m.readonly; }),
                               "Whether the memory may not be written.")
        .def_property_readonly("device", described([](const memory& m) { return name_of(m.device); }),
                               "'cpu', 'cuda:0', ...")
        .def_property_readonly("ptr",
                               described([](const memory& m) { return reinterpret_cast<std::uintptr_t>(m.data); }),
                               "Address of the first element.")
        .def_property_readonly("owner", owner_of, "The object that the memory belongs to, or None.")
        .def("__repr__", represent_view)
        .def("__hash__", hash)
        .def("__eq__", equals, py::arg("other"), py::is_operator())
        .def(
            "__copy__", [](const py::object& self) { return make_view(self.ptr(), to_share_any, false); },
            "One more View of the same memory.")
        .def("__reduce__", reduce, "A description, and the bytes of the elements; see `numpy_bridge.dumps`.");
}

} // namespace numpy_bridge
