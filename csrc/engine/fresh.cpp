#include <numpy_bridge/fresh.hpp>

#include <algorithm>

#include <numpy_bridge/arguments/translate.hpp>
#include <numpy_bridge/libraries/library.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE py::object allocate(const new_array& wanted, bool in_fortran_order, memory& out) {
    const numpy_library& numpy = numpy_library::get();
    memory m = host_memory(nullptr, {wanted.type, byte_order::native}, false, wanted.ndim, wanted.shape, nullptr);
    if (wanted.record) m.opaque = {wanted.record.itemsize, wanted.record.dtype()};
    else if (info(wanted.type).numpy_number < 0) translate_refusals(); // ml_dtypes may lack it
    py::object array = numpy.empty_array(m, in_fortran_order);
    const auto& fields = *reinterpret_cast<const numpy_abi::array*>(array.ptr());
    out = m;
    out.data = reinterpret_cast<std::byte*>(fields.data);
    out.shape = reinterpret_cast<const std::int64_t*>(fields.shape);
    out.strides = reinterpret_cast<const std::int64_t*>(fields.strides);
    return array;
}

/// The error that an allocator reports, as the Python exception of that name.
NUMPY_BRIDGE_INLINE void set_allocation_error(void*, const char* kind, const char* message) {
    PyObject* type = PyDict_GetItemString(PyEval_GetBuiltins(), kind);
    PyErr_SetString(type != nullptr && PyExceptionClass_Check(type) ? type : PyExc_RuntimeError, message);
}

NUMPY_BRIDGE_INLINE const dlpack::exchange_api* allocator_of(py::handle like) {
    const auto* api = find_exchange_api(type_of(like.ptr()));
    return api != nullptr && api->allocate != nullptr ? api : nullptr;
}

NUMPY_BRIDGE_INLINE py::object allocate_like(py::handle like, device where, const new_array& wanted, memory& out,
                                             dims& strides) {
    const auto* api = numpy_library::get().is_array(like.ptr()) ? nullptr : allocator_of(like);
    if (api == nullptr || wanted.record) return allocate(wanted, false, out);
    translate_refusals();
    validate_ndim(wanted.ndim, "fresh_like");
    const auto size = static_cast<std::int64_t>(itemsize(wanted.type));
    validate_shape(wanted.ndim, wanted.shape, size, "fresh_like");
    dims shape; // which the allocator may write to
    std::copy_n(wanted.shape, wanted.ndim, shape.begin());
    dlpack::tensor prototype{};
    prototype.device = where;
    prototype.ndim = wanted.ndim;
    prototype.dtype = info(wanted.type).dlpack;
    prototype.shape = shape.data();
    dlpack::managed_tensor_versioned* made = nullptr;
    if (api->allocate(&prototype, &made, nullptr, set_allocation_error) != 0) raise_pending_error();
    fill_c_strides(wanted.ndim, wanted.shape, size, strides.data());
    out = host_memory(dlpack::first_element(made->tensor), {wanted.type, byte_order::native}, false, wanted.ndim,
                      wanted.shape, strides.data());
    out.device = where;
    void* object = nullptr;
    if (api->managed_tensor_to_object(made, &object) != 0) raise_pending_error();
    return py::reinterpret_steal<py::object>(static_cast<PyObject*>(object));
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
