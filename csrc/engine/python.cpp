#include <numpy_bridge/python.hpp>

#include <cctype>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <thread>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE void wait_for_the_end_of_the_process() {
    while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

NUMPY_BRIDGE_INLINE std::string to_text(py::handle object) {
    const py::str text(object);
    PyObject* bytes = PyUnicode_AsEncodedString(text.ptr(), "utf-8", "replace");
    if (bytes == nullptr) throw py::error_already_set();
    return text_in(py::reinterpret_steal<py::object>(bytes));
}

NUMPY_BRIDGE_INLINE std::string text_in(py::handle bytes) {
    return {PyBytes_AsString(bytes.ptr()), static_cast<std::size_t>(PyBytes_Size(bytes.ptr()))};
}

NUMPY_BRIDGE_INLINE std::int64_t to_integer(py::handle object) {
    const long long value = PyLong_AsLongLong(object.ptr());
    if (value == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return value;
}

NUMPY_BRIDGE_INLINE std::uintptr_t to_address(py::handle object) {
    const std::size_t value = PyLong_AsSize_t(object.ptr());
    if (value == static_cast<std::size_t>(-1) && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return value;
}

NUMPY_BRIDGE_INLINE bool is_true(py::handle object) {
    const int truth = PyObject_IsTrue(object.ptr());
    if (truth < 0) throw py::error_already_set();
    return truth == 1;
}

NUMPY_BRIDGE_INLINE py::tuple to_tuple(py::handle items) {
    return py::reinterpret_steal<py::tuple>(stolen(PySequence_Tuple(items.ptr())).release());
}

NUMPY_BRIDGE_INLINE std::string text_of_error(py::error_already_set& error) {
    if (!error.matches(PyExc_Exception) || error.matches(PyExc_MemoryError)) throw error;
    const std::string text = to_text(error.value());
    return to_text(error.type().attr("__name__")) + ": " + text.substr(0, text.find('\n'));
}

NUMPY_BRIDGE_INLINE std::string text_of_pending_error() {
    if (PyErr_Occurred() == nullptr) return "a failure without an exception";
    py::error_already_set error;
    return text_of_error(error);
}

NUMPY_BRIDGE_INLINE void raise_pending_error() {
    if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_SystemError, "a function failed without an exception");
    throw py::error_already_set();
}

NUMPY_BRIDGE_INLINE py::object stolen(PyObject* result) {
    if (result == nullptr) raise_pending_error();
    return py::reinterpret_steal<py::object>(result);
}

NUMPY_BRIDGE_INLINE py::object import_module(const char* name) { return stolen(PyImport_ImportModule(name)); }

NUMPY_BRIDGE_INLINE py::object called(py::handle callable, const py::tuple& arguments) {
    return stolen(call_or_wait([&] { return PyObject_CallObject(callable.ptr(), arguments.ptr()); }));
}

NUMPY_BRIDGE_INLINE std::string type_name(py::handle object) {
    if (const char* name = name_of_static_type(Py_TYPE(object.ptr()))) return name;
    const py::handle type(type_of(object.ptr()));
    const std::string module = to_text(py::getattr(type, "__module__", py::str("")));
    const std::string name = to_text(py::getattr(type, "__qualname__", py::str("?")));
    return module.empty() || module == "builtins" ? name : module + "." + name;
}

NUMPY_BRIDGE_INLINE py::object optional_attribute(PyObject* object, PyObject* name) {
    PyObject* attribute = call_or_wait([=] { return PyObject_GetAttr(object, name); });
    if (attribute == nullptr && !PyErr_ExceptionMatches(PyExc_AttributeError)) throw py::error_already_set();
    PyErr_Clear();
    return py::reinterpret_steal<py::object>(attribute);
}

NUMPY_BRIDGE_INLINE py::object optional_attribute(PyObject* object, const char* name) {
    return optional_attribute(object, py::str(name).ptr());
}

NUMPY_BRIDGE_INLINE PyObject* interned(interned_name& storage, const char* text) {
    PyObject* name = storage.load(std::memory_order_acquire);
    if (name != nullptr) return name;
    name = stolen(PyUnicode_InternFromString(text)).release().ptr(); // never freed, so that interning finds it again
    storage.store(name, std::memory_order_release);
    return name;
}

NUMPY_BRIDGE_INLINE py::object dict_entry(PyObject* dict, const char* key) {
    PyObject* value = nullptr;
#if PY_VERSION_HEX >= 0x030D0000 && !defined(Py_LIMITED_API)
    if (PyDict_GetItemStringRef(dict, key, &value) < 0) throw py::error_already_set();
#else
    value = PyDict_GetItemWithError(dict, py::str(key).ptr()); // borrowed, which the GIL allows
    if (value == nullptr && PyErr_Occurred() != nullptr) throw py::error_already_set();
    Py_XINCREF(value);
#endif
    return py::reinterpret_steal<py::object>(value);
}

NUMPY_BRIDGE_INLINE std::string hint_about(std::string_view name, std::string_view hint) {
    const auto part_of_a_word = [&](std::size_t at) {
        if (at >= hint.size()) return false;
        const auto c = static_cast<unsigned char>(hint[at]);
        return std::isalnum(c) != 0 || c == '_' || c == '\'' || c == '"';
    };
    std::string text;
    for (std::size_t at = 0; at < hint.size(); ++at) {
        const bool variable = (hint[at] == 'x' || hint[at] == 't') && !part_of_a_word(at + 1) &&
                              (at == 0 || (!part_of_a_word(at - 1) && hint[at - 1] != '.'));
        if (variable) text += name;
        else text += hint[at];
    }
    return text;
}

NUMPY_BRIDGE_INLINE std::string shown(py::handle value) {
    constexpr std::size_t longest = 80;
    if (PyCapsule_CheckExact(value.ptr())) return "another capsule";
    try {
        const std::string text = to_text(py::repr(value));
        if (text.size() <= longest && text.find('\n') == std::string::npos) return text;
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises errors that are not about the request
    }
    return "an object of type " + engine::type_name(value);
}

NUMPY_BRIDGE_INLINE py::object protocol_attribute(PyObject* x, const char* name) {
    if (PyType_Check(x) != 0) return {};
    try {
        return optional_attribute(x, name);
    } catch (py::error_already_set& error) {
        refuse(name, "attribute", "an attribute that can be read", text_of_error(error));
    }
}

NUMPY_BRIDGE_INLINE std::int64_t read_integer(const char* protocol, const char* field, py::handle value) {
    if (PyBool_Check(value.ptr()) == 0 && PyIndex_Check(value.ptr()) != 0) {
        try {
            const py::object number = stolen(PyNumber_Index(value.ptr()));
            int overflow = 0;
            const long long result = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
            if (overflow == 0) return result;
        } catch (py::error_already_set& error) {
            refuse(protocol, field, "64-bit integers", text_of_error(error));
        }
    }
    refuse(protocol, field, "64-bit integers", shown(value));
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
