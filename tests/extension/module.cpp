/// Functions with array arguments of every kind, by the test file that calls them. Two modules have the same classes in
/// one process, so classes are local to a module: with libc++, pybind11 knows types by their names.
#include "register.hpp"

PYBIND11_MODULE(MODULE_NAME, module) {
    register_arguments(module);
    register_converted(module);
    register_cupy_row(module);
    register_errors(module);
    register_forms(module);
    register_fresh_results(module);
    register_records(module);
    register_returned(module);
    register_safety(module);
    register_visited(module);
    register_writes(module);
    module.attr("standard") = __cplusplus;
}
