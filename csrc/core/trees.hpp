/// The keyword `tree`, the last one of a signature: numpy_bridge.trees has the function of the same name.
#pragma once

#include <algorithm>

#include <pybind11/gil_safe_call_once.h>

#include "fast_function.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Whether the caller asks for a tree: passes True, or the name of a namespace.
template <std::size_t N> bool is_for_tree(const arguments<N>& given) { return is_true(given.back(), false); }

/// Calls the function for trees with all arguments in their order. Those that were not given are False by default.
template <const auto& Signature, std::size_t N> py::object call_for_tree(const arguments<N>& given) {
    PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> function;
    function.call_once_and_store_result(
        [] { return py::object(py::module_::import("numpy_bridge.trees").attr(Signature.function)); });
    arguments<N> all = given;
    std::replace(all.begin(), all.end(), static_cast<PyObject*>(nullptr), Py_False);
    return engine::stolen(PyObject_Vectorcall(function.get_stored().ptr(), all.data(), N, nullptr));
}

NUMPY_BRIDGE_NAMESPACE_END
