#include <numpy_bridge/arguments/gil.hpp>
#include <numpy_bridge/arguments/translate.hpp>
#include <numpy_bridge/import.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

NUMPY_BRIDGE_INLINE void pin::keep(PyObject* x, const void* borrowed_data) {
    translate_refusals();
    imported in;
    import_object(x, {hold::lasting, use::reading, false, false}, in);
    if (static_cast<const void*>(in.description.data) != borrowed_data)
        throw py::type_error("the memory of a borrowed array changed before it could be pinned");
    kept_.emplace(in.anchored_to(x));
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
