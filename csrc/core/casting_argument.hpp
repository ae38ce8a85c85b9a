/// The keyword `casting=`: what a conversion may lose.
#pragma once

#include <numpy_bridge/python.hpp>

#include "kernels/cast.hpp"

namespace numpy_bridge {

/// NumPy's word for it.
const char* name_of(kernels::casting rule) noexcept;

/// The rule that `given` names; "same_kind" for null. Raises TypeError if it is no string, and sharing_error in the
/// name of `function` for other words.
kernels::casting casting_rule(const char* function, PyObject* given);

} // namespace numpy_bridge
