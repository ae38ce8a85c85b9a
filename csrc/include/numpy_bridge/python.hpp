/// Small tools over the CPython API that every protocol needs.
#pragma once

#include <cstdint>
#include <string>

#include <pybind11/gil_safe_call_once.h>
#include <pybind11/pybind11.h>

#include <numpy_bridge/error.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace py = pybind11;

static_assert(sizeof(Py_ssize_t) == sizeof(std::int64_t), "numpy-bridge supports 64-bit platforms");

namespace detail {}

namespace engine {

using namespace detail;

}

namespace detail {
using namespace engine;

}

namespace engine {

inline bool interpreter_is_finalizing() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;
#endif
}

/// Where a thread goes that Python ends while the interpreter goes away. Until Python 3.14 it does so by unwinding the
/// thread's stack, and unwinding through the destructors and handlers that got there ends the process. Such a thread
/// waits for the end of the process instead, as it does from 3.14 on.
[[noreturn]] void wait_for_the_end_of_the_process();

/// `f()`, a call of CPython's that may run Python code or wait for the GIL; or else waits for the end of the process.
/// Nothing in `f` may have a destructor: a thread that Python ends has lost the GIL, which destructors need.
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

/// Holds the GIL and sets the exception that is being raised, if any, aside, so that things can be
/// released on any thread. Once the interpreter is going away nothing can be released safely any
/// more: then `usable()` is false and what is left belongs to the end of the process.
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

/// `str(object)` as UTF-8, whatever it holds: lone surrogates become question marks.
std::string to_text(py::handle object);

/// "BufferError: the text": what a producer raised, without the C++ stack that torch appends. Errors that are not about
/// the request, such as KeyboardInterrupt and MemoryError, go on as they are.
std::string text_of_error(py::error_already_set& error);

/// The text of the Python exception that a C function should have set, and clears it.
std::string text_of_pending_error();

/// Turns a null result of the CPython API into a C++ exception.
py::object stolen(PyObject* result);

/// `callable(*arguments)`, which may run Python code for long.
py::object called(py::handle callable, const py::tuple& arguments);

/// "torch.Tensor", "bytearray": the type as a user would write it.
std::string type_name(py::handle object);

/// The attribute, or nothing if there is none. Other errors of looking it up are raised.
py::object optional_attribute(PyObject* object, PyObject* name);

py::object optional_attribute(PyObject* object, const char* name);

/// "tensorflow": the package that defines the type of `x`. Empty if the type has no readable `__module__`.
std::string package_of(PyObject* x);

/// A name that is made once, for look-ups.
using interned_name = py::gil_safe_call_once_and_store<PyObject*>;
PyObject* interned(interned_name& storage, const char* text);

/// `dict.get(key)`; may be empty. Without the GIL another thread may remove the entry at any time, so the reference is
/// taken by CPython where it can.
py::object dict_entry(PyObject* dict, const char* key);

/// `sys.modules.get(name)`: a module only if somebody has imported it already. May be empty.
inline py::object imported_module(const char* name) { return dict_entry(PyImport_GetModuleDict(), name); }

/// The value as an error shows it: short, and whatever its `__repr__` does. Capsules are not asked: their name may
/// be memory that their maker has freed.
std::string shown(py::handle value);

/// `x.<name>`, or nothing if there is none. Classes have such attributes for their instances, not for
/// themselves. Raises sharing_error where looking it up fails.
py::object protocol_attribute(PyObject* x, const char* name);

/// An integer that a producer has written down: no bool, no float, not beyond 64 bits.
std::int64_t read_integer(const char* protocol, const char* field, py::handle value);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/python.cpp"
#endif
