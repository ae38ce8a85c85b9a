#include <numpy_bridge/protocols/keywords.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE accepted_call call_with_accepted(const py::object& method, std::initializer_list<keyword> keywords) {
    std::exception_ptr first_error;
    const keyword &first = *keywords.begin(), &last = *(keywords.end() - 1);
    const py::tuple nothing;
    const auto attempt = [&](bool with_first, bool with_last) -> py::object {
        py::dict accepted;
        if (with_first) accepted[first.name] = first.value;
        if (with_last) accepted[last.name] = last.value;
        try {
            return stolen(call_or_wait([&] { return PyObject_Call(method.ptr(), nothing.ptr(), accepted.ptr()); }));
        } catch (py::error_already_set& error) {
            if (!error.matches(PyExc_TypeError)) throw;
            if (!first_error) first_error = std::current_exception();
            return {};
        }
    };
    const bool two = keywords.size() > 1;
    if (py::object result = attempt(two, true)) return {std::move(result), true};
    if (two) {
        if (py::object result = attempt(false, true)) return {std::move(result), true};
        if (py::object result = attempt(true, false)) return {std::move(result), false};
    }
    if (py::object result = attempt(false, false)) return {std::move(result), false};
    std::rethrow_exception(first_error);
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
