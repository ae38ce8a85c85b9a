/// Helpers for the CPython API that every protocol uses.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <numpy_bridge/error.hpp>
#include <numpy_bridge/python_names.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

static_assert(sizeof(Py_ssize_t) == sizeof(std::int64_t), "numpy-bridge supports 64-bit platforms");

namespace detail {}

namespace engine {

using namespace detail;

}

namespace detail {
using namespace engine;

} // namespace detail

namespace engine {

/// In the limited API nothing says so. But Python does not count as initialised any more once it finalises.
inline bool interpreter_is_finalizing() noexcept {
#if defined(Py_LIMITED_API)
    return Py_IsInitialized() == 0;
#elif PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;
#endif
}

/// Blocks a thread that Python ends during finalisation. Before 3.14 Python unwinds the thread's stack, and unwinding
/// through C++ destructors and handlers aborts the process. Such a thread waits for the end of the process instead, as
/// it does in Python 3.14.
[[noreturn]] void wait_for_the_end_of_the_process();

/// Runs `f()`, a CPython call that may run Python code or wait for the GIL. If Python ends the thread meanwhile, waits
/// for the end of the process. `f` must not hold objects with destructors: the thread no longer has the GIL.
template <class F> auto call_or_wait(F f) {
    struct guard {
        bool returned = false;
        ~guard() {
            if (!returned) wait_for_the_end_of_the_process();
        }
    } here;
    auto result = f();
    here.returned = true;
    return result;
}

inline PyGILState_STATE take_gil() noexcept { return call_or_wait(PyGILState_Ensure); }

/// Releases the GIL for a scope. Unlike py::gil_scoped_release it lets Python end a thread that takes the GIL back.
class without_gil {
public:
    without_gil() noexcept : thread_(PyEval_SaveThread()) {}
    ~without_gil() {
        call_or_wait([this] {
            PyEval_RestoreThread(thread_);
            return true;
        });
    }
    without_gil(const without_gil&) = delete;
    without_gil& operator=(const without_gil&) = delete;

private:
    PyThreadState* thread_;
};

/// Holds the GIL for a scope.
class with_gil {
public:
    with_gil() noexcept : state_(take_gil()) {}
    ~with_gil() { PyGILState_Release(state_); }
    with_gil(const with_gil&) = delete;
    with_gil& operator=(const with_gil&) = delete;

private:
    PyGILState_STATE state_;
};

/// Holds the GIL and saves the current exception, so that Python objects can be released on any thread.
/// During finalisation nothing can be released safely: `usable()` is then false, and the objects are leaked.
class release_scope {
public:
    release_scope() noexcept : usable_(Py_IsInitialized() != 0 && !interpreter_is_finalizing()) {
        if (!usable_) return;
        gil_ = take_gil();
        PyErr_Fetch(&type_, &value_, &traceback_);
    }
    ~release_scope() {
        if (!usable_) return;
        PyErr_Restore(type_, value_, traceback_);
        PyGILState_Release(gil_);
    }
    release_scope(const release_scope&) = delete;
    release_scope& operator=(const release_scope&) = delete;

    bool usable() const noexcept { return usable_; }

private:
    bool usable_;
    PyGILState_STATE gil_{};
    PyObject* type_ = nullptr;
    PyObject* value_ = nullptr;
    PyObject* traceback_ = nullptr;
};

/// `str(object)` as UTF-8. Lone surrogates become question marks.
std::string to_text(py::handle object);

/// The content of a `bytes`.
std::string text_in(py::handle bytes);

/// `int(object)` of an integer, `bool(object)`, `tuple(items)`. Raise what Python raises.
std::int64_t to_integer(py::handle object);
std::uintptr_t to_address(py::handle object);
bool is_true(py::handle object);
py::tuple to_tuple(py::handle items);

/// "BufferError: the text": what a producer raised, without the C++ stack that torch appends. Errors that are not about
/// the request, such as KeyboardInterrupt and MemoryError, are raised again.
std::string text_of_error(py::error_already_set& error);

/// Returns the text of the pending Python exception, if any, and clears it.
std::string text_of_pending_error();

/// Throws the pending Python exception. Where foreign code failed and set none, it is a SystemError.
[[noreturn]] void raise_pending_error();

/// Turns a null result of the CPython API into a C++ exception.
py::object stolen(PyObject* result);

/// `importlib.import_module(name)`.
py::object import_module(const char* name);

/// `callable(*arguments)`, which may run for a long time.
py::object called(py::handle callable, const py::tuple& arguments);

/// `type(x)`, borrowed.
inline PyObject* type_of(PyObject* x) noexcept { return reinterpret_cast<PyObject*>(Py_TYPE(x)); }

/// How a type that C defines is named in full. Null for other types, and in the limited API, which does not tell.
inline const char* name_of_static_type([[maybe_unused]] PyTypeObject* type) noexcept {
#if defined(Py_LIMITED_API)
    return nullptr;
#else
    return (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 ? type->tp_name : nullptr;
#endif
}

/// "torch.Tensor", "bytearray": the type as a user would write it.
std::string type_name(py::handle object);

/// The attribute, or nothing if there is none. Other errors of looking it up are raised.
py::object optional_attribute(PyObject* object, PyObject* name);

py::object optional_attribute(PyObject* object, const char* name);

/// A name that is made at its first use, for look-ups. Threads that meet there find the same object.
using interned_name = std::atomic<PyObject*>;
PyObject* interned(interned_name& storage, const char* text);

/// `dict.get(key)`; may be empty. Without the GIL another thread may remove the entry at any time, so the reference is
/// taken by CPython where it can.
py::object dict_entry(PyObject* dict, const char* key);

/// `sys.modules.get(name)`: the module if it is imported already, else empty.
inline py::object imported_module(const char* name) { return dict_entry(PyImport_GetModuleDict(), name); }

/// The same with an interned name, for look-ups in calls: a third of the time.
inline py::object imported_module(PyObject* name) {
    PyObject* module = PyImport_GetModule(name);
    if (module == nullptr && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(module);
}

/// `hint` about the object "x", or the tensor "t", for one that is called `name`.
std::string hint_about(std::string_view name, std::string_view hint);

/// The value as error messages show it: short, even if `__repr__` fails. Capsules are not formatted: their producer may
/// have freed the name.
std::string shown(py::handle value);

/// `x.<name>`, or nothing if there is none. Attributes of classes are ignored: they are meant for
/// instances. Raises sharing_error if the lookup fails.
py::object protocol_attribute(PyObject* x, const char* name);

/// Reads a producer's integer. Refuses bools, floats and values beyond 64 bits.
std::int64_t read_integer(const char* protocol, const char* field, py::handle value);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/python.cpp"
#endif
