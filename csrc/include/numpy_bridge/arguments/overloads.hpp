/// Decides when to raise, and collects the reasons why each overload refused a call.
#pragma once

#include <string>
#include <vector>

#include <pybind11/pybind11.h>

#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

using reasons = std::vector<std::string>;

/// The first overload of the function that is called, if a refusal may be final, else null. pybind11 tries all
/// overloads without conversions first, then again with; only the second round, or the only one of a function without
/// overloads, is final.
const py::detail::function_record* worth_explaining(const py::detail::function_call& call);

/// Called when `current`, an overload with array arguments, has refused a call. Raises TypeError if nothing else
/// can accept it; otherwise records the reason, and pybind11 tries the next overload.
void refuse_call(const py::detail::function_record& first, const py::detail::function_record& current,
                 const reasons& why);

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/arguments/overloads.cpp"
#endif
