#include <numpy_bridge/protocols/keywords.hpp>

#include <string>
#include <utility>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// Whether the call itself failed: all of Python's tools name the argument or the keyword. A producer that refuses with
/// a TypeError gives a reason of its own, often by a subclass.
NUMPY_BRIDGE_INLINE bool is_about_arguments(py::error_already_set& error) {
    if (error.type().ptr() != PyExc_TypeError) return false;
    const std::string text = text_of_error(error);
    return text.find("argument") != std::string::npos || text.find("keyword") != std::string::npos;
}

NUMPY_BRIDGE_INLINE accepted_call call_with_accepted(const py::object& method,
                                                     std::initializer_list<keyword> keywords) {
    const keyword &first = *keywords.begin(), &last = *(keywords.end() - 1);
    const py::tuple nothing;
    const auto attempt = [&](bool with_first, bool with_last) -> py::object {
        py::dict accepted;
        if (with_first) accepted[first.name] = first.value;
        if (with_last) accepted[last.name] = last.value;
        try {
            return stolen(call_or_wait([&] { return PyObject_Call(method.ptr(), nothing.ptr(), accepted.ptr()); }));
        } catch (py::error_already_set& error) {
            if (!is_about_arguments(error) || !(with_first || with_last)) throw;
            return {};
        }
    };
    const bool two = keywords.size() > 1;
    if (py::object result = attempt(two, true)) return {std::move(result), true};
    if (two) {
        if (py::object result = attempt(false, true)) return {std::move(result), true};
        if (py::object result = attempt(true, false)) return {std::move(result), false};
    }
    return {attempt(false, false), false};
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
