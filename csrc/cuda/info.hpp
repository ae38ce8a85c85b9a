/// What was built, and what this machine has.
#pragma once

#include <pybind11/pybind11.h>

namespace numpy_bridge {

void register_info(pybind11::module_& module);

} // namespace numpy_bridge
