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
    const py::tuple nothing;
    const auto attempt = [&](unsigned accepted) -> py::object {
        py::dict given;
        unsigned bit = 1;
        for (const keyword& each : keywords) {
            if ((accepted & bit) != 0) given[each.name] = each.value;
            bit <<= 1;
        }
        try {
            return stolen(call_or_wait([&] { return PyObject_Call(method.ptr(), nothing.ptr(), given.ptr()); }));
        } catch (py::error_already_set& error) {
            if (!is_about_arguments(error) || accepted == 0) throw;
            return {};
        }
    };
    for (unsigned accepted = (1U << keywords.size()) - 1; accepted > 0; --accepted)
        if (py::object result = attempt(accepted)) return {std::move(result), accepted};
    return {attempt(0), 0};
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
