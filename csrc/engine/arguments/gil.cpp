#include <numpy_bridge/arguments/gil.hpp>

#include <algorithm>

#include <numpy_bridge/arguments/translate.hpp>
#include <numpy_bridge/import.hpp>
#include <numpy_bridge/opaque.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

NUMPY_BRIDGE_INLINE void pin::keep_memory(PyObject* x, const memory& was) {
    translate_refusals();
    imported in;
    import_object(x, engine::of_any_elements({engine::hold::lasting, engine::use::reading, false, false}), in);
    const memory& now = in.description;
    if (now.data != was.data || now.ndim != was.ndim || !std::equal(was.shape, was.shape + was.ndim, now.shape))
        throw py::type_error("the memory of a borrowed array changed before it could be pinned");
    kept_.emplace(in.anchored_to(x));
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
