#include <numpy_bridge/protocols/python_buffer.hpp>

#include <memory>
#include <utility>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE void release_python_buffer(void* context) {
    const release_scope scope;
    if (!scope.usable()) return;
    const std::unique_ptr<python_buffer> lent(static_cast<python_buffer*>(context));
    auto memoryview = py::reinterpret_borrow<py::object>(static_cast<const Py_buffer*>(lent->exported.context())->obj);
    lent->exported.reset();
    PyObject* done = PyObject_CallMethod(lent->producer, "__release_buffer__", "O", memoryview.ptr());
    if (done == nullptr && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
    else if (done == nullptr) PyErr_WriteUnraisable(lent->producer);
    Py_XDECREF(done);
}

} // namespace engine

NUMPY_BRIDGE_INLINE bool import_python_buffer(PyObject* x, const engine::request& wanted, imported& out) {
    if (PyObject_CheckBuffer(x) != 0 || !engine::type_has(x, "__buffer__")) return false;
    const py::object method = engine::protocol_attribute(x, "__buffer__");
    if (!method) return false;
    py::object lent;
    try {
        lent = engine::called(method, py::make_tuple(PyBUF_FULL_RO));
    } catch (py::error_already_set& error) {
        engine::refuse("buffer", "__buffer__", "a memoryview", engine::text_of_error(error));
    }
    if (PyMemoryView_Check(lent.ptr()) == 0)
        engine::refuse("buffer", "__buffer__", "a memoryview", "an object of type " + engine::type_name(lent));
    owner exported = engine::hold_buffer(lent.ptr());
    if (!exported) engine::refuse("buffer", "__buffer__", "a usable memoryview", engine::text_of_pending_error());
    const auto* buffer = static_cast<const Py_buffer*>(exported.context());
    out.lease = owner(new engine::python_buffer{x, std::move(exported)}, engine::release_python_buffer);
    out.pin = std::move(lent);
    engine::describe_buffer(*buffer, wanted, out);
    return true;
}

NUMPY_BRIDGE_NAMESPACE_END
