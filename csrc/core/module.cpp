/// The `_core` extension module: a table of contents.
#include <pybind11/pybind11.h>

#include <numpy_bridge/version.hpp>

#include "errors.hpp"
#include "register.hpp"

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
    module.doc() = "Shared memory between array libraries: the compiled core of numpy_bridge.";
    module.attr("__version__") = NUMPY_BRIDGE_VERSION;
    numpy_bridge::register_errors();
    numpy_bridge::register_view(module);
    numpy_bridge::register_view_exports(module);
    numpy_bridge::register_view_parts(module);
    numpy_bridge::register_exchange_api(module);
    numpy_bridge::register_capsule(module);
    numpy_bridge::register_convert(module);
    numpy_bridge::register_describe(module);
    numpy_bridge::register_known_calls(module);
    numpy_bridge::register_operations(module);
    numpy_bridge::register_overlap(module);
    numpy_bridge::register_pointer(module);
    numpy_bridge::register_shared_block(module);
    numpy_bridge::register_stand_in(module);
    numpy_bridge::register_trees(module);
    numpy_bridge::register_watch(module);
}
