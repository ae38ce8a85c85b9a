#include <numpy_bridge/nanobind.hpp>

namespace bound_by = nanobind;

#include "ten_functions.hpp"

NB_MODULE(ten_ours_nanobind, m) { bind_functions(m); }
