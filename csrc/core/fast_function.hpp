/// Module functions that are called millions of times.
///
/// pybind11's own dispatch takes 40 to 130 ns, more with keywords: as much as a whole conversion. These
/// few functions take CPython's fast call convention directly.
#pragma once

#include <array>
#include <cstddef>
#include <string>

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

#include <numpy_bridge/python.hpp>

#include "errors.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// The parameters of a function: `positional` required ones, then keyword-only ones.
template <std::size_t N> struct signature {
    const char* function;
    std::size_t positional;
    std::array<const char*, N> names;
};

/// Arguments in the order of the signature's names; null where a keyword was not given. Borrowed.
template <std::size_t N> using arguments = std::array<PyObject*, N>;

namespace detail {

template <std::size_t N> std::size_t index_of_keyword(const signature<N>& s, PyObject* keyword) {
    for (std::size_t i = 0; i < N; ++i)
        if (PyUnicode_CompareWithASCIIString(keyword, s.names[i]) == 0) return i;
    throw py::type_error(std::string(s.function) + "() got an unexpected keyword argument '" +
                         py::str(keyword).cast<std::string>() + "'");
}

} // namespace detail

/// Sorts a fast call's arguments by name. Raises TypeError as a Python function would.
template <std::size_t N>
arguments<N> parse(const signature<N>& s, PyObject* const* given, Py_ssize_t count, PyObject* keywords) {
    arguments<N> result{};
    const auto positional = static_cast<std::size_t>(count);
    if (positional == s.positional && keywords == nullptr) { // by far the most common call
        for (std::size_t i = 0; i < positional; ++i) result[i] = given[i];
        return result;
    }
    if (positional > s.positional)
        throw py::type_error(std::string(s.function) + "() takes " + std::to_string(s.positional) +
                             " positional arguments but " + std::to_string(positional) + " were given");
    std::copy_n(given, positional, result.begin());
    const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t i = 0; i < named; ++i) {
        PyObject*& slot = result[detail::index_of_keyword(s, PyTuple_GET_ITEM(keywords, i))];
        if (slot != nullptr)
            throw py::type_error(std::string(s.function) + "() got multiple values for argument '" +
                                 py::str(PyTuple_GET_ITEM(keywords, i)).cast<std::string>() + "'");
        slot = given[count + i];
    }
    for (std::size_t i = 0; i < s.positional; ++i)
        if (result[i] == nullptr)
            throw py::type_error(std::string(s.function) + "() missing required argument: '" + s.names[i] + "'");
    return result;
}

/// The truth of an optional keyword argument.
inline bool is_true(PyObject* argument, bool otherwise) {
    if (argument == nullptr) return otherwise;
    const int truth = PyObject_IsTrue(argument);
    if (truth < 0) throw py::error_already_set();
    return truth != 0;
}

/// Wraps `py::object body(const arguments<N>&)` as a METH_FASTCALL | METH_KEYWORDS function.
template <const auto& Signature, auto Body>
PyObject* fast_function(PyObject*, PyObject* const* given, Py_ssize_t count, PyObject* keywords) noexcept {
    try {
        return Body(parse(Signature, given, count, keywords)).release().ptr();
#if defined(__GLIBCXX__)
    } catch (abi::__forced_unwind&) { // by a call that was not made through call_or_wait
        engine::wait_for_the_end_of_the_process();
#endif
    } catch (...) {
        set_python_exception();
        return nullptr;
    }
}

/// A PyMethodDef for `fast_function<...>`.
inline PyMethodDef fast_method(const char* name,
                               PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*),
                               const char* doc) {
    return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)), METH_FASTCALL | METH_KEYWORDS,
            doc};
}

NUMPY_BRIDGE_NAMESPACE_END
