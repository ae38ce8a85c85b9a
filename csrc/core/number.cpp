#include "number.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

#include <numpy_bridge/error.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/python.hpp>

#include "kernels/elements.hpp"
#include "kernels/rows.hpp"

namespace numpy_bridge {

namespace {

using kernels::is_complex;
using wide_complex = kernels::complex<double>;

bool is_integer(dtype id) noexcept {
    const auto code = info(id).dlpack.code;
    return code == dlpack::type_code::signed_integer || code == dlpack::type_code::unsigned_integer;
}

/// Converts one element: between unsigned integers, floats, or to or from complex numbers.
void convert(dtype from, dtype to, const void* value, void* result) noexcept {
    if (from == to) std::memcpy(result, value, itemsize(to));
    else
        kernels::cast_row_of({to, from})({1, 0, 0}, static_cast<std::byte*>(result),
                                         static_cast<const std::byte*>(value));
}

[[noreturn]] void refuse_number(const char* operation, py::handle x, dtype id, const std::string& expected) {
    engine::refuse(operation, "y", expected + ", as x is " + info(id).name, engine::shown(x));
}

/// The two's complement of an integer that fits `id`.
std::uint64_t bits_of_integer(const char* operation, py::handle x, dtype id) {
    const unsigned bits = info(id).dlpack.bits;
    const bool is_signed = info(id).dlpack.code == dlpack::type_code::signed_integer;
    const auto most = ~std::uint64_t{0} >> (64U - bits + (is_signed ? 1U : 0U));
    const auto least = is_signed ? -static_cast<std::int64_t>(most) - 1 : 0;
    int overflow = 0;
    const std::int64_t value = PyLong_AsLongLongAndOverflow(x.ptr(), &overflow);
    if (value == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    if (overflow == 0 && value >= least && (value < 0 || static_cast<std::uint64_t>(value) <= most))
        return static_cast<std::uint64_t>(value);
    if (overflow > 0 && bits == 64 && !is_signed) {
        const std::uint64_t large = PyLong_AsUnsignedLongLong(x.ptr());
        if (PyErr_Occurred() == nullptr) return large;
        PyErr_Clear();
    }
    refuse_number(operation, x, id, "an integer from " + std::to_string(least) + " to " + std::to_string(most));
}

void write_integer(const char* operation, py::handle x, dtype id, element_bytes& out) {
    if (PyLong_Check(x.ptr()) == 0) refuse_number(operation, x, id, "an integer");
    const std::uint64_t value = bits_of_integer(operation, x, id);
    convert(dtype::uint64, kernels::as_unsigned(id), &value, out.bytes.data());
}

double as_double(const char* operation, py::handle x, dtype id) {
    const double value = PyFloat_AsDouble(x.ptr());
    if (value != -1 || PyErr_Occurred() == nullptr) return value;
    if (PyErr_ExceptionMatches(PyExc_OverflowError) == 0) throw py::error_already_set();
    PyErr_Clear();
    refuse_number(operation, x, id, "a number in the range of float64");
}

void write_float(const char* operation, py::handle x, dtype id, element_bytes& out) {
    wide_complex value{0, 0};
    if (PyComplex_Check(x.ptr()) != 0) {
        if (!is_complex(id)) refuse_number(operation, x, id, "a real number");
        value = {PyComplex_RealAsDouble(x.ptr()), PyComplex_ImagAsDouble(x.ptr())};
    } else {
        value.real = as_double(operation, x, id);
    }
    if (is_complex(id)) convert(dtype::complex128, id, &value, out.bytes.data());
    else convert(dtype::float64, id, &value.real, out.bytes.data());
    wide_complex back{0, 0};
    convert(id, dtype::complex128, out.bytes.data(), &back);
    const bool lost =
        (std::isinf(back.real) && !std::isinf(value.real)) || (std::isinf(back.imag) && !std::isinf(value.imag));
    if (lost) refuse_number(operation, x, id, "a number in its range");
}

} // namespace

bool is_number(PyObject* x) {
    return PyLong_Check(x) != 0 || PyFloat_Check(x) != 0 || PyComplex_Check(x) != 0 ||
           numpy_library::get().is_scalar(x);
}

element_bytes element_of(const char* operation, py::handle x, dtype id) {
    auto plain = py::reinterpret_borrow<py::object>(x);
    if (numpy_library::get().is_scalar(x.ptr())) plain = x.attr("item")();
    if (PyLong_Check(plain.ptr()) == 0 && PyFloat_Check(plain.ptr()) == 0 && PyComplex_Check(plain.ptr()) == 0)
        throw py::type_error(std::string(operation) + "(): y (" + engine::type_name(x) + ") is not a number");
    element_bytes out{};
    if (is_integer(id)) write_integer(operation, plain, id, out);
    else write_float(operation, plain, id, out);
    return out;
}

} // namespace numpy_bridge
