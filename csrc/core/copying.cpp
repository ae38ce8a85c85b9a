#include "copying.hpp"

#include <numpy_bridge/copy.hpp>
#include <numpy_bridge/import.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>
#include <numpy_bridge/opaque.hpp>
#include <numpy_bridge/protocols/array_interface.hpp>

#include "in_place.hpp"
#include "kept_operands.hpp"

namespace numpy_bridge {

namespace {

/// A new ndarray like `from`, uninitialised and in C order.
py::object empty_array(const memory& from) {
    const py::module_ numpy = py::module_::import("numpy");
    return numpy.attr("empty")(engine::tuple_of(from.shape, from.ndim), numpy_library::get().descr_for(from.type));
}

/// A new tensor like `from`, on the same CUDA device, uninitialised. Empty where torch lacks the dtype or the device.
py::object empty_cuda_tensor(const memory& from) {
    const py::module_ torch = py::module_::import("torch");
    const char* dtype = info(from.type.id).name;
    if (!py::hasattr(torch, dtype) || !torch.attr("cuda").attr("is_available")().cast<bool>()) return {};
    return torch.attr("empty")(engine::tuple_of(from.shape, from.ndim), py::arg("dtype") = torch.attr(dtype),
                               py::arg("device") = torch.attr("device")("cuda", from.device.index));
}

/// Copies into `to`, which is not shared yet, and returns it.
py::object filled(py::object to, const imported& from) {
    imported target;
    import_object(to.ptr(), {engine::hold::call, engine::use::writing}, target);
    copy_in_place({target.description, target.stream}, {from.description, from.stream}, false);
    return to;
}

/// An ndarray with the values of `x`, which may share its memory.
py::object array_of_values(PyObject* x) {
    if (engine::is_tensor(x)) {
        const py::object values = engine::values_of(x);
        return engine::array_over(values.attr("cpu")().ptr());
    }
    imported in;
    import_object(x, engine::of_any_elements(engine::to_copy), in);
    if (is_cuda(in.description.device)) return filled(empty_array(in.description), in);
    return engine::array_over(x, in);
}

py::object native(const py::object& array) {
    const py::object dtype = array.attr("dtype").attr("newbyteorder")("=");
    return engine::called(array.attr("astype"), py::make_tuple(dtype, "C"));
}

/// Refuses a tensor that has lost its memory: torch crashes on copying it. It copies all others, whatever we refuse.
void require_memory(PyObject* tensor) {
    imported in;
    try {
        import_object(tensor, engine::to_copy, in);
    } catch (const sharing_error& error) {
        if (error.why().field == "data" || error.why().field == "storage") throw;
    }
}

/// A tensor over what was imported, which `kept` holds, behind all work on it.
py::object tensor_over(const torch_library& torch, const imported& in, const py::object& kept, bool allow_readonly) {
    validate_for_torch(torch, in.description, allow_readonly);
    if (in.stream != 0) torch.wait_for(in.stream, in.description.device);
    return torch.new_tensor(in.description, anchor(kept.ptr(), {}, {}));
}

/// A copy on the host, for a torch without CUDA.
py::object host_tensor(const torch_library& torch, const imported& from) {
    const py::object array = filled(empty_array(from.description), from);
    imported in;
    import_object(array.ptr(), engine::to_share, in);
    return tensor_over(torch, in, array, false);
}

py::object numpy_array(const py::object& array) {
    return engine::called(py::module_::import("numpy").attr("array"), py::make_tuple(array));
}

} // namespace

py::object copy_as_array(PyObject* x) {
    if (numpy_library::get().is_exact_array(x)) // NumPy copies any dtype
        return numpy_array(py::reinterpret_borrow<py::object>(x));
    return numpy_array(array_of_values(x));
}

py::object copy_as_native_array(PyObject* x) {
    imported in;
    import_object(x, engine::to_copy, in);
    const bool ready = host_accessible(in.description.device) && in.stream == 0;
    return native(ready ? engine::array_over(x, in) : array_of_values(x));
}

py::object copy_as_tensor(PyObject* x) {
    const torch_library& torch = torch_library::get();
    if (torch.is_tensor(x) && torch.is_export_only(x)) return torch.unwrapped(x).attr("clone")();
    if (torch.is_tensor(x)) {
        require_memory(x);
        return py::handle(x).attr("clone")();
    }
    imported in;
    import_object(x, engine::to_copy, in);
    in.own_extents();
    const py::object kept = engine::capsule_over(in.anchored_to(x));
    const auto kept_for = [&](py::object copy) { // which torch's current stream may still be filling
        const device where = in.description.device;
        if (is_freed_in_any_order(in)) keep_until_done(where, torch.current_stream(where), kept.ptr(), in);
        return copy;
    };
    try {
        return kept_for(tensor_over(torch, in, kept, true).attr("clone")());
    } catch (const sharing_error&) {
        if (!is_cuda(in.description.device)) {
            imported copy;
            const py::object array = native(numpy_library::get().new_array(in.description, kept));
            import_object(array.ptr(), engine::to_share, copy);
            return tensor_over(torch, copy, array, false);
        }
        if (py::object tensor = empty_cuda_tensor(in.description)) return kept_for(filled(std::move(tensor), in));
        return host_tensor(torch, in);
    }
}

} // namespace numpy_bridge
