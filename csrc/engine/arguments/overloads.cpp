#ifndef NUMPY_BRIDGE_NANOBIND // how calls of pybind11 are refused

#include <numpy_bridge/arguments/overloads.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <numpy_bridge/arguments/load.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// The first overload of the function that `of` belongs to; null if that is unknown.
NUMPY_BRIDGE_INLINE const py::detail::function_record* first_overload(const py::detail::function_record& of) {
    if (of.name == nullptr || *of.name == '\0' || !of.scope) return &of; // nameless functions have no overloads
    const py::object found = py::getattr(of.scope, of.name, py::none());
    const py::handle function = py::detail::get_function(found);
    if (!function || PyCFunction_Check(function.ptr()) == 0) return nullptr;
    PyObject* self = PyCFunction_GET_SELF(function.ptr());
    if (self == nullptr || !py::detail::is_function_record_PyObject(self)) return nullptr;
    const auto* first = py::detail::function_record_ptr_from_PyObject(self);
    for (const auto* overload = first; overload != nullptr; overload = overload->next)
        if (overload == &of) return first;
    return nullptr;
}

/// How many arguments a call of this overload can have.
struct arity {
    std::size_t least = 0, most;

    explicit arity(const py::detail::function_record& f) : most(f.nargs) {
        if (f.has_args || f.has_kwargs) {
            most = static_cast<std::size_t>(-1);
            return;
        }
        for (std::size_t i = 0; i < f.nargs; ++i)
            if (i >= f.args.size() || !f.args[i].value) ++least;
    }
    bool intersects(const arity& other) const noexcept { return least <= other.most && other.least <= most; }
};

using reasons = std::vector<std::string>;

/// Reasons of the overloads that have failed in the call that is being made, on this thread.
NUMPY_BRIDGE_INLINE std::vector<std::pair<const py::detail::function_record*, reasons>>& refused_overloads() {
    static thread_local std::vector<std::pair<const py::detail::function_record*, reasons>> refused;
    return refused;
}

/// "scale(): "; "Series(): " of a constructor; nothing of a setter, which has no name.
NUMPY_BRIDGE_INLINE std::string title_of(const py::detail::function_record& f) {
    std::string name = f.name == nullptr ? "" : f.name;
    if (name == "__init__" && f.scope) name = py::str(f.scope.attr("__name__"));
    return name.empty() ? "" : name + "(): ";
}

/// Sets a TypeError.
NUMPY_BRIDGE_INLINE void set_type_error(const std::string& text) {
    const py::object message =
        stolen(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
    PyErr_SetObject(PyExc_TypeError, message.ptr());
}

NUMPY_BRIDGE_INLINE void set_refusal(const py::detail::function_record& first) {
    std::string text = title_of(first) + "no overload accepts these arguments:";
    int number = 0;
    for (const auto* overload = &first; overload != nullptr; overload = overload->next) {
        text += "\n  " + std::to_string(++number) + ". " + overload->signature;
        for (const auto& [refused, why] : refused_overloads())
            for (const std::string& reason : refused == overload ? why : reasons{}) text += "\n     " + reason;
    }
    refused_overloads().clear();
    set_type_error(text);
}

/// Whether the round of overloads that `call` belongs to is the last one.
NUMPY_BRIDGE_INLINE bool is_last_round(const py::detail::function_call& call) {
    for (std::size_t i = 0; i < call.args_convert.size(); ++i)
        if (call.args_convert[i]) return true;
    return false;
}

/// Whether no argument of the function is ever converted: then its rounds look alike.
NUMPY_BRIDGE_INLINE bool converts_nothing(const py::detail::function_record& f) {
    for (const py::detail::argument_record& argument : f.args)
        if (argument.convert) return false;
    return !f.args.empty();
}

/// The name of argument `i` in the function's signature; "arg0" where it was given none.
NUMPY_BRIDGE_INLINE std::string argument_name(const py::detail::function_record& f, std::size_t i) {
    if (i < f.args.size() && f.args[i].name != nullptr) return f.args[i].name;
    if (f.is_method && i == 0) return "self";
    return "arg" + std::to_string(i - (f.is_method ? 1 : 0));
}

/// Why `x` was refused; empty if it was not.
NUMPY_BRIDGE_INLINE std::string reason_of(PyObject* x, const requirements& wanted, bool convert,
                                          const std::string& name) {
    loaded_argument scratch;
    const auto refused = load_argument(x, wanted, engine::hold::call, convert, scratch);
    return refused == nullptr ? std::string() : words_for(*refused, x, wanted, name);
}

/// Adds the reason of the first item that does not fit, or those of all alternatives.
NUMPY_BRIDGE_INLINE void add_reasons_inside(PyObject* x, const arrays_inside& inside, bool convert,
                                            const std::string& name, reasons& out) {
    const auto* const end = inside.wanted + inside.count;
    if (inside.what == arrays_inside::kind::alternatives) {
        const bool all_are_arrays = std::find(inside.wanted, end, nullptr) == end;
        if (!all_are_arrays && has_no_memory(x)) return; // another alternative may be meant
        for (const auto* each = inside.wanted; each != end; ++each)
            if (*each != nullptr) out.push_back(reason_of(x, **each, convert, name));
    } else if (inside.what == arrays_inside::kind::items && (PyList_Check(x) != 0 || PyTuple_Check(x) != 0)) {
        const auto items = engine::stolen(PySequence_Tuple(x)); // importing may run code that changes a list
        for (Py_ssize_t i = 0; i < PyTuple_Size(items.ptr()); ++i) {
            std::string why = reason_of(PyTuple_GetItem(items.ptr(), i), **inside.wanted, convert,
                                        name + "[" + std::to_string(i) + "]");
            if (!why.empty()) return out.push_back(std::move(why));
        }
    }
}

/// The reasons of all arrays that do not fit. Those behind the first one are loaded here.
NUMPY_BRIDGE_INLINE reasons reasons_of(const py::detail::function_call& call, const argument_of_call* arguments,
                                       std::size_t accepted) {
    reasons out;
    for (std::size_t i = accepted; i < call.args.size() && i < call.func.nargs; ++i) {
        const argument_of_call& argument = arguments[i];
        PyObject* x = call.args[i].ptr();
        if (i == accepted)
            add_reasons_inside(x, argument.inside, call.args_convert[i], argument_name(call.func, i), out);
        if (argument.wanted == nullptr || (argument.may_be_none && x == Py_None)) continue;
        std::unique_ptr<const refused_argument> loaded;
        const refused_argument* refused = argument.refused;
        if (refused == nullptr) {
            loaded_argument scratch;
            loaded = load_argument(x, *argument.wanted, argument.held, call.args_convert[i], scratch);
            refused = loaded.get();
        }
        if (refused != nullptr) out.push_back(words_for(*refused, x, *argument.wanted, argument_name(call.func, i)));
    }
    return out;
}

NUMPY_BRIDGE_INLINE void set_reasons(const py::detail::function_record& of, const reasons& why) {
    std::string text = title_of(of);
    for (const std::string& reason : why) text.append(&reason == &why.front() ? "" : "\n").append(reason);
    set_type_error(text);
}

NUMPY_BRIDGE_INLINE bool refuse_call(const py::detail::function_call& call, const argument_of_call* arguments,
                                     std::size_t accepted) {
    const py::detail::function_record& current = call.func;
    const bool last_round = is_last_round(call);
    if (!last_round && !converts_nothing(current)) {
        refused_overloads().clear();
        return false;
    }
    const auto* first = first_overload(current);
    if (first == nullptr || first->is_operator) return false;
    const bool alone = first->next == nullptr;
    if (!alone && !last_round) {
        refused_overloads().clear();
        return false;
    }
    reasons why = reasons_of(call, arguments, accepted);
    if (alone) {
        if (!why.empty()) set_reasons(current, why); // else an argument that is no array: pybind11 says so
        return !why.empty();
    }
    refused_overloads().emplace_back(&current, std::move(why));
    for (const auto* later = current.next; later != nullptr; later = later->next)
        if (arity(*later).intersects(arity(current))) return false;
    set_refusal(*first);
    return true;
}

NUMPY_BRIDGE_INLINE py::error_already_set pending_refusal() { return {}; }

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

#endif
