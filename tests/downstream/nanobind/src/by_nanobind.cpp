#include <numpy_bridge/nanobind.hpp>

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace bound_by = nanobind;
#define READ_ONLY_PROPERTY def_prop_ro

#include "functions.hpp"

NB_MODULE(by_nanobind, m) { bind_functions(m); }
