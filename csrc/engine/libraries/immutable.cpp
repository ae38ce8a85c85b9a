#include <numpy_bridge/libraries/immutable.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE bool is_immutable(PyObject* x) {
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
