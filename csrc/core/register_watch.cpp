/// watch_calls: looking at what calls of one C type's objects return.
///
/// torch.FloatTensor and its kind are objects of a C type, and torch checks for that type where it takes them as
/// arguments: nothing written in Python can stand in for them. So the slot that their type is called through is
/// replaced for a while, and put back.
#include "register.hpp"

#include <numpy_bridge/python.hpp>

namespace numpy_bridge {

namespace {

PyTypeObject* watched_type = nullptr; // kept for the life of the process, as calls may be under way in its slot
ternaryfunc watched_slot = nullptr;
PyObject* watcher = nullptr; // null while nobody watches

PyObject* call_and_tell(PyObject* self, PyObject* arguments, PyObject* keywords) {
    PyObject* result = watched_slot(self, arguments, keywords);
    if (result == nullptr || watcher == nullptr) return result;
    const auto listener = py::reinterpret_borrow<py::object>(watcher); // it may leave during the call
    PyObject* given = keywords == nullptr ? Py_None : keywords;
    PyObject* answer = detail::call_or_wait(
        [&] { return PyObject_CallFunctionObjArgs(listener.ptr(), self, arguments, given, result, nullptr); });
    if (answer == nullptr) Py_CLEAR(result);
    Py_XDECREF(answer);
    return result;
}

void unwatch_calls() {
    if (watcher == nullptr || watched_type == nullptr) return;
    if (watched_type->tp_call == call_and_tell) watched_type->tp_call = watched_slot;
    Py_CLEAR(watcher);
}

void watch_calls(const py::type& type, const py::object& listener) {
    auto* slots = reinterpret_cast<PyTypeObject*>(type.ptr());
    if (slots->tp_call == nullptr || PyType_HasFeature(slots, Py_TPFLAGS_HEAPTYPE))
        throw py::type_error("watch_calls needs a C type with objects that can be called");
    if (watched_type != nullptr && watched_type != slots) throw py::value_error("watch_calls watches one type only");
    unwatch_calls();
    if (watched_type == nullptr) watched_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(type.ptr()));
    watched_slot = slots->tp_call;
    watcher = Py_NewRef(listener.ptr());
    slots->tp_call = call_and_tell;
}

} // namespace

void register_watch(py::module_& module) {
    module.def("watch_calls", watch_calls, py::arg("type"), py::arg("listener"),
               "Call listener(self, arguments, keywords, result) after each call of an object of a C type, of which "
               "there can be one. What it raises the call raises.");
    module.def("unwatch_calls", unwatch_calls, "Put the type's slot back.");
}

} // namespace numpy_bridge
