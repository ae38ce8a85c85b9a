/// Functions with array arguments of every kind, by the test file that calls them.
#include "register.hpp"

PYBIND11_MODULE(MODULE_NAME, module) {
    register_arguments(module);
    register_converted(module);
    register_cupy_row(module);
    register_errors(module);
    register_fresh_results(module);
    register_records(module);
    register_returned(module);
    register_safety(module);
    register_visited(module);
    register_writes(module);
    module.attr("standard") = __cplusplus;
}
