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

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace py = pybind11;

static_assert(sizeof(Py_ssize_t) == sizeof(std::int64_t), "numpy-bridge supports 64-bit platforms");

namespace detail {}

/// What our own modules use and users need not: tools, importers, exporters.
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

/// "tensorflow": the package that defines the type of `x`. Empty if the type has no readable `__module__`.
inline std::string package_of(PyObject* x) {
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

/// The value as an error shows it: short, and whatever its `__repr__` does. Capsules are not asked: their name may
/// be memory that their maker has freed.
inline std::string shown(py::handle value) {
    constexpr std::size_t longest = 80;
    if (PyCapsule_CheckExact(value.ptr())) return "another capsule";
    try {
        const std::string text = to_text(py::repr(value));
        if (text.size() <= longest && text.find('\n') == std::string::npos) return text;
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises what is not about the request
    }
    return "an object of type " + type_name(value);
}

/// `x.<name>`, or nothing if there is none. Classes have such attributes for their instances, not for
/// themselves. Raises sharing_error where looking it up fails.
inline py::object protocol_attribute(PyObject* x, const char* name) {
    if (PyType_Check(x) != 0) return {};
    try {
        return optional_attribute(x, name);
    } catch (py::error_already_set& error) {
        refuse(name, "attribute", "one that can be read", text_of_error(error));
    }
}

/// An integer that a producer has written down: no bool, no float, not beyond 64 bits.
inline std::int64_t read_integer(const char* protocol, const char* field, py::handle value) {
    if (PyBool_Check(value.ptr()) == 0 && PyIndex_Check(value.ptr()) != 0) {
        try {
            const py::object number = stolen(PyNumber_Index(value.ptr()));
            int overflow = 0;
            const long long result = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
            if (overflow == 0) return result;
        } catch (py::error_already_set& error) {
            refuse(protocol, field, "integers of 64 bits", text_of_error(error));
        }
    }
    refuse(protocol, field, "integers of 64 bits", shown(value));
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
