/// Elements that only NumPy's dtype describes: records, times, text of a fixed length, long doubles.
///
/// `memory` knows their size and borrows the dtype; `imported`, and later the anchor, own it.
#pragma once

#include <optional>
#include <string>

#include <numpy_bridge/imported.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// "float32", ">f4", and NumPy's text for other elements: "datetime64[ns]", "[('x', '<i4'), ('y', '<f8')]".
std::string name_of(const memory& m);

namespace engine {

/// The same request, but for elements of any kind that has a fixed size.
constexpr request of_any_elements(request wanted) noexcept {
    wanted.opaque = true;
    return wanted;
}

/// Whether NumPy's `dtype` has elements of a fixed size, without Python objects and other pointers.
bool is_opaque(py::handle dtype);

/// Makes elements of `dtype`, which passes `is_opaque`, those of the description. Call it after the rest is set.
void set_opaque(py::object dtype, imported& out);

/// Whether opaque elements have `dtype`. An error of the comparison counts as no.
bool has_dtype(const memory& m, PyObject* dtype) noexcept;

/// The dtype that an array interface's typestr or descr means, if it passes `is_opaque`; else empty.
py::object opaque_dtype(const py::object& description);

/// An element as a PEP 3118 format describes it, read by NumPy.
struct formatted_element {
    py::object dtype;
    py::tuple extents; ///< of elements that are arrays themselves: () for all others
};

/// Nothing if NumPy cannot read the format, or if elements of it have another size.
std::optional<formatted_element> read_format(const char* format, std::int64_t itemsize);

/// What to do where such elements are refused.
std::string hint_for_opaque(const memory& m);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/opaque.cpp"
#endif
