/// Small tools over the CPython API that every protocol needs.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <pybind11/pybind11.h>

#include <numpy_bridge/error.hpp>
#include <numpy_bridge/owner.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace py = pybind11;

static_assert(sizeof(Py_ssize_t) == sizeof(std::int64_t), "numpy-bridge supports 64-bit platforms");

namespace detail {

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
[[noreturn]] inline void wait_for_the_end_of_the_process() {
    while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

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
inline std::string to_text(py::handle object) {
    const py::str text(object);
    PyObject* bytes = PyUnicode_AsEncodedString(text.ptr(), "utf-8", "replace");
    if (bytes == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::bytes>(bytes);
}

/// "BufferError: the text": what a producer raised, without the C++ stack that torch appends. Errors that are not about
/// the request, such as KeyboardInterrupt and MemoryError, go on as they are.
inline std::string text_of_error(py::error_already_set& error) {
    if (!error.matches(PyExc_Exception) || error.matches(PyExc_MemoryError)) throw error;
    const std::string text = to_text(error.value());
    return to_text(error.type().attr("__name__")) + ": " + text.substr(0, text.find('\n'));
}

/// The text of the Python exception that a C function should have set, and clears it.
inline std::string text_of_pending_error() {
    if (PyErr_Occurred() == nullptr) return "a failure without an exception";
    py::error_already_set error;
    return text_of_error(error);
}

/// Turns a null result of the CPython API into a C++ exception.
inline py::object stolen(PyObject* result) {
    if (result == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(result);
}

/// `callable(*arguments)`, which may run Python code for long.
inline py::object called(py::handle callable, const py::tuple& arguments) {
    return stolen(call_or_wait([&] { return PyObject_CallObject(callable.ptr(), arguments.ptr()); }));
}

/// "torch.Tensor", "bytearray": the type as a user would write it.
inline std::string type_name(py::handle object) {
    const py::handle type(reinterpret_cast<PyObject*>(Py_TYPE(object.ptr())));
    const std::string module = to_text(py::getattr(type, "__module__", py::str("")));
    const std::string name = to_text(py::getattr(type, "__qualname__", py::str("?")));
    return module.empty() || module == "builtins" ? name : module + "." + name;
}

/// The attribute, or nothing if there is none. Other errors of looking it up are raised.
inline py::object optional_attribute(PyObject* object, PyObject* name) {
    PyObject* attribute = call_or_wait([=] { return PyObject_GetAttr(object, name); });
    if (attribute == nullptr && !PyErr_ExceptionMatches(PyExc_AttributeError)) throw py::error_already_set();
    PyErr_Clear();
    return py::reinterpret_steal<py::object>(attribute);
}
inline py::object optional_attribute(PyObject* object, const char* name) {
    return optional_attribute(object, py::str(name).ptr());
}

/// "tensorflow": the package that the type of an object is from; empty where the type does not tell.
inline std::string library_of(PyObject* x) {
    const py::object module = optional_attribute(reinterpret_cast<PyObject*>(Py_TYPE(x)), "__module__");
    const char* name = module && PyUnicode_Check(module.ptr()) ? PyUnicode_AsUTF8(module.ptr()) : nullptr;
    if (name == nullptr) {
        PyErr_Clear(); // a module without a readable name
        return {};
    }
    const std::string_view path = name;
    return std::string(path.substr(0, path.find('.')));
}

/// `dict.get(key)`; may be empty. Without the GIL another thread may remove the entry at any time, so the reference is
/// taken by CPython where it can.
inline py::object dict_entry(PyObject* dict, const char* key) {
    PyObject* value = nullptr;
#if PY_VERSION_HEX >= 0x030D0000
    if (PyDict_GetItemStringRef(dict, key, &value) < 0) throw py::error_already_set();
#else
    value = PyDict_GetItemWithError(dict, py::str(key).ptr());
    if (value == nullptr && PyErr_Occurred() != nullptr) throw py::error_already_set();
    Py_XINCREF(value);
#endif
    return py::reinterpret_steal<py::object>(value);
}

/// `sys.modules.get(name)`: a module only if somebody has imported it already. May be empty.
inline py::object imported_module(const char* name) { return dict_entry(PyImport_GetModuleDict(), name); }

} // namespace detail

/// Everything that keeps a block of memory alive and in place: the Python object that it belongs to,
/// a second one that pins it, and a lease of the protocol. Each may be empty. Made with the GIL held;
/// let go on any thread, the lease first.
class anchor {
public:
    anchor() = default;
    anchor(PyObject* object, py::object pin, owner lease) noexcept
        : object_(object),
          pin_(pin.release().ptr()),
          lease_(std::move(lease)) {
        Py_XINCREF(object_);
    }
    anchor(anchor&& other) noexcept
        : object_(std::exchange(other.object_, nullptr)),
          pin_(std::exchange(other.pin_, nullptr)),
          lease_(std::move(other.lease_)) {}
    anchor& operator=(anchor&&) = delete;
    ~anchor() {
        if (object_ != nullptr || pin_ != nullptr || lease_) release();
    }

    /// The object that the memory belongs to. Borrowed, may be null.
    PyObject* object() const noexcept { return object_; }
    const owner& lease() const noexcept { return lease_; }

    /// Shows the garbage collector the references held here.
    int traverse(visitproc visit, void* arg) const {
        Py_VISIT(object_);
        Py_VISIT(pin_);
        return 0;
    }

private:
    void release() noexcept {
        const detail::release_scope scope;
        lease_.reset();
        if (!scope.usable()) return;
        Py_XDECREF(pin_);
        Py_XDECREF(object_);
    }

    PyObject* object_ = nullptr;
    PyObject* pin_ = nullptr;
    owner lease_;
};

namespace detail {

/// A capsule that holds `kept`: a Python object for where one has to keep memory alive.
inline py::capsule capsule_over(anchor kept) {
    auto held = std::make_unique<anchor>(std::move(kept));
    py::capsule capsule(held.get(), [](void* context) { delete static_cast<anchor*>(context); });
    [[maybe_unused]] anchor* of_the_capsule = held.release();
    return capsule;
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
