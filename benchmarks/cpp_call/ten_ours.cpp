#include <numpy_bridge/pybind11.hpp>

namespace bound_by = pybind11;

#include "ten_functions.hpp"

PYBIND11_MODULE(ten_ours, m) { bind_functions(m); }
