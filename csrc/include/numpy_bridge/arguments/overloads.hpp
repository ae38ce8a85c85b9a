/// Refuses calls, with the reasons of all overloads.
#pragma once

#include <cstddef>

#include <pybind11/pybind11.h>

#include <numpy_bridge/arguments/argument_of_call.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Called when an overload with array arguments has refused a call: its first `accepted` arguments fit, the next one
/// does not, and those behind it have not been loaded. Returns true and sets a TypeError with the reasons if nothing
/// else can accept the call; otherwise records them, and pybind11 tries the next overload.
///
/// pybind11 tries all overloads without conversions first, then again with. Only the second round, or the only one of
/// a function without overloads, is final.
bool refuse_call(const py::detail::function_call& call, const argument_of_call* arguments, std::size_t accepted);

/// The error that `refuse_call` has set, to be thrown. Another exception than this one would be thrown again by each of
/// pybind11's translators, and from further down it would pass more frames: unwinding is about half of a refusal.
py::error_already_set pending_refusal();

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/arguments/overloads.cpp"
#endif
