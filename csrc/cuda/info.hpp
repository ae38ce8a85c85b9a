/// The function `info`: the build, and the CUDA devices of this machine.
#pragma once

#include <pybind11/pybind11.h>

namespace numpy_bridge {

void register_info(pybind11::module_& module);

} // namespace numpy_bridge
