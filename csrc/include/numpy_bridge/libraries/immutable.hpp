/// Libraries whose arrays must never be written, whatever their protocols say of them.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include <numpy_bridge/python.hpp>

namespace numpy_bridge::detail {

/// jax and TensorFlow arrays are values, and so are pyarrow's arrays; pyarrow.Tensor and pyarrow.Buffer say
/// themselves whether they may be written.
inline bool is_immutable(PyObject* x) {
    const PyTypeObject* built_in = Py_TYPE(x); // such as bytearray: a type of C without a module
    if ((built_in->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 && std::strchr(built_in->tp_name, '.') == nullptr) return false;
    const py::object module = optional_attribute(reinterpret_cast<PyObject*>(Py_TYPE(x)), "__module__");
    const char* name = module && PyUnicode_Check(module.ptr()) ? PyUnicode_AsUTF8(module.ptr()) : nullptr;
    if (name == nullptr) {
        PyErr_Clear(); // a module without a readable name is none of them
        return false;
    }
    const std::string_view path = name, root = path.substr(0, path.find('.'));
    constexpr std::array<std::string_view, 3> libraries = {"jax", "jaxlib", "tensorflow"};
    if (std::find(libraries.begin(), libraries.end(), root) != libraries.end()) return true;
    if (root != "pyarrow") return false;
    const std::string type = type_name(x);
    constexpr std::string_view array = "Array";
    return type.size() >= array.size() && type.compare(type.size() - array.size(), array.size(), array) == 0;
}

} // namespace numpy_bridge::detail
