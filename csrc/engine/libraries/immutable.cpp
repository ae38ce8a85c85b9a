#include <numpy_bridge/libraries/immutable.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE bool is_immutable(PyObject* x) {
    const PyTypeObject* built_in = Py_TYPE(x); // such as bytearray: a type of C without a module
    if ((built_in->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 && std::strchr(built_in->tp_name, '.') == nullptr) return false;
    const std::string root = package_of(x);
    constexpr std::array<std::string_view, 3> libraries = {"jax", "jaxlib", "tensorflow"};
    if (std::find(libraries.begin(), libraries.end(), root) != libraries.end()) return true;
    if (root != "pyarrow") return false;
    const std::string type = type_name(x);
    constexpr std::string_view array = "Array";
    return type.size() >= array.size() && type.compare(type.size() - array.size(), array.size(), array) == 0;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
