#include <numpy_bridge/arguments/load.hpp>

#include <type_traits>
#include <utility>

#include <numpy_bridge/arguments/copy.hpp>
#include <numpy_bridge/import.hpp>
#include <numpy_bridge/libraries/numpy.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

NUMPY_BRIDGE_INLINE bool has_no_memory(PyObject* x) {
    return x == Py_None || PyLong_Check(x) != 0 || PyFloat_Check(x) != 0 || PyUnicode_Check(x) != 0 ||
           PyList_Check(x) != 0 || PyTuple_Check(x) != 0 || PyDict_Check(x) != 0 || PyComplex_Check(x) != 0 ||
           numpy_library::get().is_scalar(x); // which has a buffer, but is a value
}

NUMPY_BRIDGE_INLINE std::unique_ptr<refused_argument> refused_because(refused_argument::cause what) {
    auto refused = std::make_unique<refused_argument>();
    refused->what = what;
    return refused;
}

NUMPY_BRIDGE_INLINE std::unique_ptr<refused_argument> refused_for(const memory& found) {
    auto refused = refused_because(refused_argument::cause::mismatch);
    refused->extents.assign(found.shape, found.shape + found.ndim);
    refused->extents.insert(refused->extents.end(), found.strides, found.strides + found.ndim);
    refused->found = found;
    refused->found.shape = refused->extents.data();
    refused->found.strides = refused->extents.data() + found.ndim;
    return refused;
}

NUMPY_BRIDGE_INLINE std::unique_ptr<const refused_argument> load_as_it_is(PyObject* x, const requirements& r,
                                                                          const engine::request& wanted, imported& in) {
    try {
        import_object(x, wanted, in);
        if (meets_all(r, in.description)) return nullptr;
        auto refused = refused_for(in.description);
        refused->elements = std::move(in.elements);
        return refused;
    } catch (const sharing_error& error) {
        auto refused = refused_because(refused_argument::cause::refusal);
        refused->why = error.why();
        return refused;
    } catch (const py::type_error&) {
        return refused_because(refused_argument::cause::no_protocol);
    }
}

/// The copy that meets `r`, or nothing if none can be made.
NUMPY_BRIDGE_INLINE py::object try_to_copy(PyObject* x, const requirements& r) {
    try {
        return converted(x, r);
    } catch (const sharing_error&) {
        return {};
    } catch (const py::type_error&) {
        return {};
    } catch (py::error_already_set& error) {
        engine::text_of_error(error); // raises errors that are not about the argument
        return {};
    }
}

/// Loads the array that `numpy.asarray` makes of `x`, which has no memory of its own for the reason `what`.
NUMPY_BRIDGE_INLINE std::unique_ptr<const refused_argument> load_values(PyObject* x, const requirements& r,
                                                                        const engine::request& wanted,
                                                                        refused_argument::cause what,
                                                                        loaded_argument& out) {
    auto refused = refused_because(what);
    try {
        out.copy = array_of_values(x, r);
        out.in.reset();
        out.object = out.copy.ptr();
        const auto misfit = load_as_it_is(out.object, r, wanted, out.in);
        if (misfit == nullptr) return nullptr;
        refused->why.got = misfit->what == refused_argument::cause::mismatch
                               ? "an array of shape " + text_of(misfit->found.shape, misfit->found.ndim)
                               : misfit->why.got;
    } catch (const sharing_error& error) {
        refused->why.got = error.why().got;
    } catch (const py::type_error& error) {
        refused->why.got = error.what();
    } catch (py::error_already_set& error) {
        refused->why.got = engine::text_of_error(error); // raises errors that are not about the argument
    }
    return refused;
}

NUMPY_BRIDGE_INLINE std::unique_ptr<const refused_argument>
load_argument(PyObject* x, const requirements& r, engine::hold held, bool convert, loaded_argument& out) {
    const engine::request wanted{held, r.writable ? engine::use::writing : engine::use::reading, false, r.checked,
                                 (r.dtypes & set_of(dtype::opaque)) != 0};
    out.object = x;
    auto refused =
        has_no_memory(x) ? refused_because(refused_argument::cause::no_memory) : load_as_it_is(x, r, wanted, out.in);
    if (refused == nullptr || !r.may_copy || !convert || x == Py_None) return refused;
    using cause = refused_argument::cause;
    if (r.array_like && (refused->what == cause::no_memory || refused->what == cause::no_protocol))
        return load_values(x, r, wanted, refused->what, out);
    if (refused->what == cause::no_memory) return refused;
    out.copy = try_to_copy(x, r);
    if (!out.copy) return refused;
    out.in.reset();
    out.object = out.copy.ptr();
    return load_as_it_is(out.object, r, wanted, out.in) == nullptr ? nullptr : std::move(refused);
}

[[noreturn]] NUMPY_BRIDGE_INLINE void raise_moved() {
    throw py::type_error("the memory of a borrowed array changed while other arguments were converted");
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
