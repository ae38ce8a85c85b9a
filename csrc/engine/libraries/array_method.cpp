#include <numpy_bridge/libraries/array_method.hpp>

#include <string>
#include <string_view>
#include <utility>

#include <numpy_bridge/protocols/keywords.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// Calls `method`, with `copy=False` unless a copy is accepted.
NUMPY_BRIDGE_INLINE py::object call_array(const py::object& method, const request& wanted) {
    py::object array;
    try {
        array = wanted.copies ? method() : call_with_accepted(method, {{"copy", py::bool_(false)}}).result;
    } catch (py::error_already_set& error) {
        refuse("__array__", "call", wanted.copies ? "an array" : "an array without a copy", text_of_error(error),
               wanted.copies ? "" : hint_to_copy);
    }
    if (!numpy_library::get().is_array(array.ptr()))
        refuse("__array__", "call", "an ndarray", "an object of type " + engine::type_name(array));
    return array;
}

/// Imports the array, with hints as code for `x`. `numpy.asarray` would lose a mask.
NUMPY_BRIDGE_INLINE void import_array_of_method(PyObject* array, const request& wanted, imported& out) {
    constexpr std::pair<std::string_view, std::string_view> rewritten[] = {
        {"x.view(", "np.asarray(x).view("}, {"x.astype(", "np.asarray(x).astype("}, {"x[", "np.asarray(x)["},
        {"x.data,", "x.__array__().data,"}, {"x.filled(", "x.__array__().filled("},
    };
    try {
        import_array(array, wanted, out);
    } catch (const sharing_error& error) {
        refusal why = error.why();
        for (const auto& [from, to] : rewritten)
            if (const std::size_t at = why.hint.find(from); at != std::string::npos)
                why.hint.replace(at, from.size(), to);
        throw sharing_error(why);
    }
}

} // namespace engine

NUMPY_BRIDGE_INLINE bool import_array_method(PyObject* x, const engine::request& wanted, imported& out) {
    const py::object method = engine::protocol_attribute(x, "__array__");
    if (!method) return false;
    py::object array = engine::call_array(method, wanted);
    engine::request held = wanted;
    if (held.held == engine::hold::nothing) held.held = engine::hold::call; // `x` may resize what it answers with
    engine::import_array_of_method(array.ptr(), held, out);
    out.own_extents();
    if (!wanted.copies) {
        const py::object second = engine::call_array(method, wanted);
        engine::request located = engine::to_locate;
        located.opaque = wanted.opaque;
        imported again;
        engine::import_array(second.ptr(), located, again);
        if (!engine::same_memory(out.description, again.description)) engine::refuse_copy("__array__");
    }
    out.pin = py::make_tuple(std::move(array), out.pin ? out.pin : py::none());
    return true;
}

NUMPY_BRIDGE_NAMESPACE_END
