#include <numpy_bridge/libraries/multiprocessing.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

NUMPY_BRIDGE_INLINE bool import_synchronized(PyObject* x, const engine::request& wanted, imported& out) {
    const py::object module = engine::imported_module("multiprocessing.sharedctypes");
    if (!module || !py::isinstance(py::handle(x), module.attr("SynchronizedBase"))) return false;
    return import_buffer(py::object(py::handle(x).attr("get_obj")()).ptr(), wanted, out);
}

NUMPY_BRIDGE_NAMESPACE_END
