#include <numpy_bridge/pybind11.hpp>

#include <pybind11/stl.h>

namespace bound_by = pybind11;
#define READ_ONLY_PROPERTY def_property_readonly

#include "functions.hpp"

PYBIND11_MODULE(by_pybind11, m) { bind_functions(m); }
