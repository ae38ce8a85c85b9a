#include <pybind11/pybind11.h>

PYBIND11_MODULE(none_ours, m) { m.doc() = "No function: what any module costs."; }
