#pragma once

#include <pybind11/pybind11.h>

void register_arguments(pybind11::module_& module);
void register_converted(pybind11::module_& module);
void register_cupy_row(pybind11::module_& module);
void register_errors(pybind11::module_& module);
void register_forms(pybind11::module_& module);
void register_fresh_results(pybind11::module_& module);
void register_records(pybind11::module_& module);
void register_returned(pybind11::module_& module);
void register_safety(pybind11::module_& module);
void register_visited(pybind11::module_& module);
void register_writes(pybind11::module_& module);
