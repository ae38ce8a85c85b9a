#include <numpy_bridge/copy.hpp>

#include <string>
#include <string_view>
#include <utility>

#include <numpy_bridge/cpython.hpp>
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

/// How many elements `x` says that it has; -1 if it does not say, maybe with a Python exception set.
NUMPY_BRIDGE_INLINE Py_ssize_t stated_size(PyObject* x) {
    const py::object size = optional_attribute(x, "size");
    if (size && PyLong_Check(size.ptr()) != 0) return PyLong_AsSsize_t(size.ptr());
    return optional_attribute(x, "shape") ? -1 : PyObject_Size(x);
}

/// A part of `x` that is small, to try a call on: `x` itself or its first row. Null if its size is unknown: a trial
/// might compute all of a large object.
NUMPY_BRIDGE_INLINE py::object small_part_of(PyObject* x) {
    constexpr Py_ssize_t most = 4096;
    const auto is_small = [](PyObject* part) {
        const Py_ssize_t size = stated_size(part);
        if (size < 0 && PyErr_Occurred() != nullptr) throw py::error_already_set();
        return size >= 0 && size <= most;
    };
    if (is_small(x)) return py::reinterpret_borrow<py::object>(x);
    py::object row = py::handle(x)[py::slice(0, 1, 1)];
    return Py_TYPE(row.ptr()) == Py_TYPE(x) && is_small(row.ptr()) ? row : py::object();
}

/// Whether `x` is an Arrow array of anything but numbers, of which pyarrow cannot be trusted to make an ndarray: with
/// intervals it ends the process, and with text it follows offsets that it has not checked.
NUMPY_BRIDGE_INLINE bool is_arrow_without_numbers(PyObject* x) {
    if (package_of(x) != "pyarrow") return false;
    const std::string type = to_text(py::getattr(x, "type", py::none()));
    const auto begins = [&type](std::string_view with) { return type.compare(0, with.size(), with) == 0; };
    return !begins("int") && !begins("uint") && !begins("float") && !begins("double") && !begins("halffloat") &&
           !begins("bool");
}

NUMPY_BRIDGE_INLINE bool can_be_copied(PyObject* x) {
    try {
        if (is_arrow_without_numbers(x)) return false;
        const py::object sample = small_part_of(x);
        if (!sample) return false;
        imported in;
        import_object(sample.ptr(), to_copy, in);
        return true;
    } catch (const sharing_error&) {
        return false;
    } catch (const py::type_error&) {
        return false;
    } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_MemoryError)) text_of_error(error); // raises errors that are not about the object
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
