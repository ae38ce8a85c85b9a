#include <numpy_bridge/arguments/overloads.hpp>

#include <cstddef>
#include <utility>

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

/// Reasons of the overloads that have failed in the call that is being made, on this thread.
NUMPY_BRIDGE_INLINE std::vector<std::pair<const py::detail::function_record*, reasons>>& refused_overloads() {
    static thread_local std::vector<std::pair<const py::detail::function_record*, reasons>> refused;
    return refused;
}

[[noreturn]] NUMPY_BRIDGE_INLINE void raise_refusal(const py::detail::function_record& first) {
    std::string text = std::string(first.name) + "(): no overload accepts these arguments:";
    int number = 0;
    for (const auto* overload = &first; overload != nullptr; overload = overload->next) {
        text += "\n  " + std::to_string(++number) + ". " + overload->signature;
        for (const auto& [refused, why] : refused_overloads())
            for (const std::string& reason : refused == overload ? why : reasons{}) text += "\n     " + reason;
    }
    refused_overloads().clear();
    throw py::type_error(text);
}

NUMPY_BRIDGE_INLINE const py::detail::function_record* worth_explaining(const py::detail::function_call& call) {
    const py::detail::function_record* first = first_overload(call.func);
    if (first == nullptr || first->is_operator) return nullptr;
    if (first->next == nullptr) return first;
    for (std::size_t i = 0; i < call.args_convert.size(); ++i)
        if (call.args_convert[i]) return first;
    refused_overloads().clear();
    return nullptr;
}

NUMPY_BRIDGE_INLINE void refuse_call(const py::detail::function_record& first,
                                     const py::detail::function_record& current, const reasons& why) {
    if (first.next == nullptr) {
        if (why.empty()) return; // an argument that is no array; pybind11 says so
        std::string text = current.name == nullptr ? "" : std::string(current.name) + "(): ";
        for (const std::string& reason : why) text += (&reason == &why.front() ? "" : "\n") + reason;
        throw py::type_error(text);
    }
    refused_overloads().emplace_back(&current, why);
    for (const auto* later = current.next; later != nullptr; later = later->next)
        if (arity(*later).intersects(arity(current))) return;
    raise_refusal(first);
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
