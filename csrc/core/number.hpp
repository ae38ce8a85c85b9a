/// Numbers of Python and NumPy as elements of an array.
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

/// True for an int, a float, a complex or a NumPy scalar.
bool is_number(PyObject* x);

/// The number `x` as an element of dtype `id`, which has an addition. Fractions are rounded to nearest. Raises
/// sharing_error in the name of `operation` if an integer does not fit, if a fraction or an imaginary part would be
/// dropped, or if a finite number would become infinite.
element_bytes element_of(const char* operation, py::handle x, dtype id);

} // namespace numpy_bridge
