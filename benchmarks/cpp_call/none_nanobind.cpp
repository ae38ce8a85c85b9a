#include <nanobind/nanobind.h>

NB_MODULE(none_nanobind, m) { m.doc() = "No function: what any module costs."; }
