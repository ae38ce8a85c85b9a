#include <numpy_bridge/libraries/view.hpp>

#include <numpy_bridge/cpython.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE const view_functions* find_functions_of(PyObject* x) {
    if (const view_functions* known = known_functions_of(x)) return known;
    static interned_name storage{nullptr};
    PyTypeObject* type = Py_TYPE(x);
    PyObject* name = interned(storage, "__numpy_bridge_view__");
#ifdef Py_GIL_DISABLED // else the reference might be lost meanwhile
    const py::object published = optional_attribute(reinterpret_cast<PyObject*>(type), name);
#else
    const auto published = py::reinterpret_borrow<py::object>(look_up(type, name));
#endif
    if (!published || PyCapsule_IsValid(published.ptr(), view_capsule_name) == 0) return nullptr;
    const auto* found = static_cast<const view_functions*>(PyCapsule_GetPointer(published.ptr(), view_capsule_name));
    if (found->type != type) return nullptr;
    Py_INCREF(type);
    known_view_functions.store(found, std::memory_order_release);
    return found;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
