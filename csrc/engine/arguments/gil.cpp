#include <numpy_bridge/arguments/gil.hpp>

#include <algorithm>

#include <numpy_bridge/arguments/translate.hpp>
#include <numpy_bridge/import.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

NUMPY_BRIDGE_INLINE void pin::keep(PyObject* x, const void* data, const std::int64_t* shape, int ndim) {
    translate_refusals();
    imported in;
    import_object(x, {engine::hold::lasting, engine::use::reading, false, false}, in);
    const memory& now = in.description;
    if (static_cast<const void*>(now.data) != data || now.ndim != ndim || !std::equal(shape, shape + ndim, now.shape))
        throw py::type_error("the memory of a borrowed array changed before it could be pinned");
    kept_.emplace(in.anchored_to(x));
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
