/// C++ errors as Python exceptions.
#pragma once

namespace numpy_bridge {

/// Sets the Python exception that stands for the C++ exception being handled. Call in a catch block.
void set_python_exception() noexcept;

/// Makes pybind11 translate our errors as well.
void register_errors();

} // namespace numpy_bridge
