#include <numpy_bridge/libraries/view.hpp>

#include <numpy_bridge/cpython.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE const view_functions* find_functions_of(PyObject* x) {
    if (const view_functions* known = known_functions_of(x)) return known;
    static interned_name storage{nullptr};
    PyTypeObject* type = Py_TYPE(x);
    const py::object published = published_by(type, interned(storage, "__numpy_bridge_view__"));
    if (!published || PyCapsule_IsValid(published.ptr(), view_capsule_name) == 0) return nullptr;
    const auto* found = static_cast<const view_functions*>(PyCapsule_GetPointer(published.ptr(), view_capsule_name));
    if (found->type != type) return nullptr;
    Py_INCREF(reinterpret_cast<PyObject*>(type));
    known_view_functions.store(found, std::memory_order_release);
    return found;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
