/// Numbers of Python's and NumPy's as elements of an array.
#pragma once

#include <array>
#include <cstddef>

#include <numpy_bridge/dtype.hpp>
#include <numpy_bridge/python.hpp>

namespace numpy_bridge {

/// Room for an element of any dtype.
struct element_bytes {
    alignas(16) std::array<std::byte, 16> bytes;
};

/// Whether `x` is an int, a float, a complex or a scalar of NumPy's.
bool is_number(PyObject* x);

/// Writes the number `x` as an element of dtype `id`, which has an addition, rounding fractions to nearest. Raises
/// sharing_error in the name of `operation` where an integer does not fit, where a fraction or an imaginary part would
/// be dropped, and where a finite number would become infinite.
element_bytes element_of(const char* operation, py::handle x, dtype id);

} // namespace numpy_bridge
