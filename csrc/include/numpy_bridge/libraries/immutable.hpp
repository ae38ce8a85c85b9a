/// Libraries whose arrays must never be written, whatever their protocols say of them.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// jax and TensorFlow arrays are values, and so are pyarrow's arrays; pyarrow.Tensor and pyarrow.Buffer say
/// themselves whether they may be written. Types of C without a module, such as bytearray, are
/// answered without a look at their names.
inline bool is_immutable(PyObject* x) {
    const PyTypeObject* type = Py_TYPE(x);
    const std::string_view c_name = type->tp_name;
    if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 && c_name.find('.') == std::string_view::npos) return false;
    const std::string name = type_name(x);
    const std::string_view text = name, root = text.substr(0, text.find('.'));
    constexpr std::array<std::string_view, 3> libraries = {"jax", "jaxlib", "tensorflow"};
    if (std::find(libraries.begin(), libraries.end(), root) != libraries.end()) return true;
    constexpr std::string_view array = "Array";
    return root == "pyarrow" && text.size() >= array.size() && text.substr(text.size() - array.size()) == array;
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
