/// watch_calls: reports the calls of objects of one C type.
///
/// torch.FloatTensor and its kind are objects of a C type, and torch checks for that type where it takes them as
/// arguments: no Python object can replace them. So the slot that their type is called through is replaced.
///
/// Threads call through the slot while others watch and unwatch, without a GIL to keep them apart. CPython reads slots
/// without a lock, so the slot is written once, by the first `watch_calls`, and stays. The listener is kept in a dict,
/// because CPython takes a strong reference from a dict safely while another thread removes the entry.
#include "register.hpp"

#include <atomic>
#include <mutex>

#include <numpy_bridge/python.hpp>

namespace numpy_bridge {

namespace {

constexpr const char* listener_key = "listener";

PyTypeObject* watched_type = nullptr; // this and the next are written once, and the type is kept forever
std::atomic<ternaryfunc> original_call{nullptr};
std::atomic<bool> watching{false}; // spares calls the dict while no audit runs
PyObject* current = nullptr;       // a dict: {"listener": listener}, or empty

PyObject* listener_or_null() noexcept {
    try {
        return engine::dict_entry(current, listener_key).release().ptr();
    } catch (py::error_already_set& error) {
        error.restore();
        return nullptr;
    }
}

PyObject* call_and_report(PyObject* self, PyObject* arguments, PyObject* keywords) {
    PyObject* result = original_call.load(std::memory_order_acquire)(self, arguments, keywords);
    if (result == nullptr || !watching.load(std::memory_order_relaxed)) return result;
    PyObject* listener = listener_or_null();
    PyObject* answer = nullptr;
    if (listener != nullptr) {
        PyObject* given = keywords == nullptr ? Py_None : keywords;
        answer = engine::call_or_wait(
            [=] { return PyObject_CallFunctionObjArgs(listener, self, arguments, given, result, nullptr); });
        Py_DECREF(listener);
    }
    if (answer != nullptr && !Py_IsNone(answer)) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(answer)), answer);
    Py_XDECREF(answer);
    if (PyErr_Occurred() != nullptr) Py_CLEAR(result);
    return result;
}

/// Replaces the slot of `type`, unless it is replaced already.
void replace_slot(PyTypeObject* type) {
    static std::mutex one_at_a_time;
    const std::scoped_lock lock(one_at_a_time);
    if (watched_type == type) return;
    if (watched_type != nullptr) throw py::value_error("watch_calls watches one type only");
    watched_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(reinterpret_cast<PyObject*>(type)));
    original_call.store(type->tp_call, std::memory_order_release);
    type->tp_call = call_and_report;
}

void watch_calls(const py::type& type, const py::object& listener) {
    auto* slots = reinterpret_cast<PyTypeObject*>(type.ptr());
    if (slots->tp_call == nullptr || PyType_HasFeature(slots, Py_TPFLAGS_HEAPTYPE))
        throw py::type_error("watch_calls needs a C type with objects that can be called");
    replace_slot(slots);
    if (PyDict_SetItemString(current, listener_key, listener.ptr()) != 0) throw py::error_already_set();
    watching = true;
}

void unwatch_calls() {
    watching = false;
    PyDict_Clear(current);
}

} // namespace

void register_watch(py::module_& module) {
    current = py::dict().release().ptr();
    module.def("watch_calls", watch_calls, py::arg("type"), py::arg("listener"),
               "Call listener(self, arguments, keywords, result) after each call of an object of a C type, instead of "
               "an earlier listener. What the listener raises is the call's exception, and so is what it returns "
               "instead of None. One type can be watched in a process.");
    module.def("unwatch_calls", unwatch_calls, "Remove the listener.");
}

} // namespace numpy_bridge
