#include <numpy_bridge/libraries/tensorflow.hpp>

#include <string>

#include <numpy_bridge/cpython.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE void refuse_tensorflow_handles(PyObject* x) {
    if (package_of(x) != "tensorflow") return;
    const py::object dtype = optional_attribute(x, "dtype");
    const py::object name = dtype ? optional_attribute(dtype.ptr(), "name") : py::object();
    const std::string type = name ? to_text(name) : "";
    if (type == "string" || type == "resource" || type == "variant")
        refuse("DLPack", "dtype", "numbers in one block of memory", type,
               "TensorFlow aborts the process when asked for the memory of such a tensor; take its values: x.numpy()");
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
