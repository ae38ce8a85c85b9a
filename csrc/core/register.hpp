/// The parts of the module, each registered by the file of the same name.
#pragma once

#include <pybind11/pybind11.h>

namespace numpy_bridge {

void register_capsule(pybind11::module_& module);
void register_convert(pybind11::module_& module);
void register_describe(pybind11::module_& module);
void register_exchange_api(pybind11::module_& module);
void register_known_calls(pybind11::module_& module);
void register_operations(pybind11::module_& module);
void register_overlap(pybind11::module_& module);
void register_pointer(pybind11::module_& module);
void register_shared_block(pybind11::module_& module); // needs View
void register_stand_in(pybind11::module_& module);
void register_trees(pybind11::module_& module);
void register_view(pybind11::module_& module); // defines View; the other parts need it
void register_view_exports(pybind11::module_& module);
void register_view_parts(pybind11::module_& module);
void register_watch(pybind11::module_& module);

} // namespace numpy_bridge
