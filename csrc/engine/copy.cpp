#include <numpy_bridge/copy.hpp>
#include <numpy_bridge/import.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE bool is_cured_by_copy(const refusal& why) noexcept {
    return why.field == "is_conj" || why.field == "is_neg" || why.field == "device";
}

NUMPY_BRIDGE_INLINE py::object array_over(PyObject* x) {
    const numpy_library& numpy = numpy_library::get();
    if (numpy.is_array(x)) return py::reinterpret_borrow<py::object>(x);
    imported in;
    import_object(x, to_copy, in);
    in.own_extents();
    return numpy.new_array(in.description, capsule_over(in.anchored_to(x)));
}

NUMPY_BRIDGE_INLINE py::object values_of(PyObject* x) {
    if (!is_tensor(x)) return array_over(x);
    try {
        imported in;
        import_object(x, to_copy, in); // torch crashes on copying tensors that have lost their memory
    } catch (const sharing_error& error) {
        if (!is_cured_by_copy(error.why())) throw;
    }
    return py::handle(x).attr("detach")().attr("resolve_conj")().attr("resolve_neg")();
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
