#include <numpy_bridge/libraries/immutable.hpp>

#include <string_view>

#include <numpy_bridge/cpython.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// The types of a package whose names have this ending. An empty one stands for all of them.
struct immutable_types {
    std::string_view package, ending;
};

/// Held against `numpy_bridge.libraries` by a test. A pandas.Index hashes its values, and a SparseArray has only some.
inline constexpr immutable_types immutable_table[] = {
    {"jax", ""},  {"jaxlib", ""},       {"tensorflow", ""},  {"awkward", ""},
    {"dask", ""}, {"pyarrow", "Array"}, {"pandas", "Index"}, {"pandas", "SparseArray"},
};

NUMPY_BRIDGE_INLINE bool is_immutable_type(PyTypeObject* type) {
    const std::string package = package_of_type(type);
    if (package.empty()) return false;
    const std::string name = name_of_type(type);
    for (const auto& [of, ending] : immutable_table) {
        const bool ends = name.size() >= ending.size() && name.substr(name.size() - ending.size()) == ending;
        if (package == of && ends) return true;
    }
    return false;
}

NUMPY_BRIDGE_INLINE bool is_immutable(PyObject* x) {
    const py::object ancestry = ancestry_of(Py_TYPE(x));
    for (Py_ssize_t i = 0; i + 1 < PyTuple_Size(ancestry.ptr()); ++i) // the last one is `object`
        if (is_immutable_type(reinterpret_cast<PyTypeObject*>(PyTuple_GetItem(ancestry.ptr(), i)))) return true;
    return false;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
