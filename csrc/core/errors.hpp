/// C++ errors as Python exceptions.
#pragma once

#include <numpy_bridge/error.hpp>
#include <numpy_bridge/python.hpp>

namespace numpy_bridge {

/// A `numpy_bridge.SharingError`, not raised.
py::object python_exception(const refusal& why);

/// Sets the Python exception that stands for the C++ exception being handled. Call in a catch block.
void set_python_exception() noexcept;

/// Makes pybind11 translate our errors as well.
void register_errors();

} // namespace numpy_bridge
