/// Calling producers that know fewer keywords than the standard, and telling copies from shares.
#pragma once

#include <cstddef>
#include <exception>
#include <initializer_list>
#include <string>

#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

struct keyword {
    const char* name;
    py::object value;
};

/// What a producer answered, and whether it took the last keyword.
struct accepted_call {
    py::object result;
    bool with_last;
};

/// Calls `method` with one or two keywords: with both, with the last alone, with the first alone, with none.
/// Old producers raise TypeError for keywords that they do not know; where even the call without any is a
/// TypeError, the first one is the producer's own and tells more.
inline accepted_call call_with_accepted(const py::object& method, std::initializer_list<keyword> keywords) {
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

/// `x.<name>`, or nothing if there is none. Classes have such attributes for their instances, not for
/// themselves. Raises sharing_error where looking it up fails.
inline py::object protocol_attribute(PyObject* x, const char* name) {
    if (PyType_Check(x) != 0) return {};
    try {
        return optional_attribute(x, name);
    } catch (py::error_already_set& error) {
        refuse(name, "attribute", "one that can be read", text_of_error(error));
    }
}

/// The value as an error shows it: short, and whatever its `__repr__` does. Capsules are not asked: their name may
/// be memory that their maker has freed.
inline std::string shown(py::handle value) {
    constexpr std::size_t longest = 80;
    if (PyCapsule_CheckExact(value.ptr())) return "another capsule";
    try {
        const std::string text = to_text(py::repr(value));
        if (text.size() <= longest && text.find('\n') == std::string::npos) return text;
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises what is not about the request
    }
    return "an object of type " + type_name(value);
}

/// For producers that made new memory at each of two requests.
[[noreturn]] inline void refuse_copy(const char* protocol) {
    refuse(protocol, "data", "the object's own memory", "new memory at each request",
           "pass copy=None or copy=True to accept a copy");
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
