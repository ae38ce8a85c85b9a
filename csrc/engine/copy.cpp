#include <numpy_bridge/copy.hpp>

#include <utility>

#include <numpy_bridge/import.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE bool is_cured_by_copy(const refusal& why) noexcept {
    return why.field == "is_conj" || why.field == "is_neg" || why.field == "device";
}

NUMPY_BRIDGE_INLINE py::object array_over(PyObject* x) {
    if (numpy_library::get().is_array(x)) return py::reinterpret_borrow<py::object>(x);
    imported in;
    import_object(x, to_copy, in);
    return array_over(x, in);
}

NUMPY_BRIDGE_INLINE py::object array_over(PyObject* x, imported& in) {
    in.own_extents();
    return numpy_library::get().new_array(in.description, capsule_over(in.anchored_to(x)));
}

NUMPY_BRIDGE_INLINE py::object values_of(PyObject* x) {
    if (!is_tensor(x)) return array_over(x);
    if (torch_library::loaded()->is_export_only(x)) return values_of(torch_library::loaded()->unwrapped(x).ptr());
    try {
        imported in;
        import_object(x, to_copy, in); // torch crashes on copying tensors that have lost their memory
    } catch (const sharing_error& error) {
        if (!is_cured_by_copy(error.why())) throw;
    }
    return py::handle(x).attr("detach")().attr("resolve_conj")().attr("resolve_neg")();
}

/// A part of `x` that is small, to try a call on; `x` itself if it is small, or has no parts.
NUMPY_BRIDGE_INLINE py::object sample_of(PyObject* x) {
    constexpr Py_ssize_t small = 4096;
    const py::object whole = py::reinterpret_borrow<py::object>(x);
    try {
        const py::object size = optional_attribute(x, "size");
        const bool counted = size && PyLong_Check(size.ptr()) != 0;
        const bool large = counted ? size.cast<Py_ssize_t>() > small : static_cast<Py_ssize_t>(py::len(whole)) > small;
        return large ? py::object(whole[py::slice(0, 1, 1)]) : whole;
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises errors that are not about the object
    } catch (const py::cast_error&) {
    }
    return whole;
}

NUMPY_BRIDGE_INLINE bool can_be_copied(PyObject* x) {
    try {
        const py::object sample = sample_of(x);
        imported in;
        import_object(sample.ptr(), to_copy, in);
        return true;
    } catch (const sharing_error&) {
        return false;
    } catch (const py::type_error&) {
        return false;
    }
}

NUMPY_BRIDGE_INLINE void finish_hint(PyObject* x, refusal& why, const std::string& how) {
    constexpr std::pair<const char*, const char*> for_tensors[] = {{hint_to_host, ": t.cpu()"},
                                                                   {hint_to_bytes, ": t.view(torch.uint8)"},
                                                                   {hint_to_parts, ": torch.view_as_real(t)"}};
    for (const auto& [hint, code] : for_tensors)
        if (why.hint == hint && is_tensor(x)) why.hint += code;
    if (why.hint != hint_to_copy) return;
    const bool is_certain = why.field == "data" || why.field == "flags"; // it was copied just now
    why.hint = !how.empty() && (is_certain || can_be_copied(x)) ? how : "";
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
