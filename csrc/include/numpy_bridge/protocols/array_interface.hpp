/// The array interface of NumPy, version 3, import and export: the dictionary `__array_interface__` and
/// the C structure behind `__array_struct__`.
#pragma once

#include <cstdint>

#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/protocols/buffer.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace numpy_abi {

/// What the capsule `__array_struct__` points to.
struct array_struct {
    int two; ///< always 2
    int ndim;
    char kind;
    int itemsize;
    int flags;
    Py_ssize_t* shape;
    Py_ssize_t* strides;
    void* data;
    PyObject* descr; ///< set if `flags` has `flag_has_descr`
};

inline constexpr int flag_c_contiguous = 0x1, flag_f_contiguous = 0x2, flag_aligned = 0x100, flag_not_swapped = 0x200,
                     flag_struct_writeable = 0x400, flag_has_descr = 0x800;

} // namespace numpy_abi

namespace engine {

/// An entry of an interface dictionary, or nothing if it is missing or None.
py::object optional_entry(const py::dict& fields, const char* key);

py::object required_entry(const char* protocol, const py::dict& fields, const char* key, const char* expected);

/// Reads everything except the address: version, mask, typestr, descr, shape and strides.
void read_interface(const char* protocol, const py::dict& fields, std::int64_t oldest, const request& wanted,
                    imported& out);

/// Reads `data` as (pointer, read-only), and checks the whole description.
void read_pointer(const char* protocol, py::handle data, imported& out);

} // namespace engine

/// Imports through the dictionary `x.__array_interface__`. False if `x` has none.
bool import_array_interface(PyObject* x, const engine::request& wanted, imported& out);

/// Imports through the capsule `x.__array_struct__`. False if `x` has none.
bool import_array_struct(PyObject* x, const engine::request& wanted, imported& out);

namespace engine {

py::tuple tuple_of(const std::int64_t* values, int count);

/// The common part of the dictionaries for the host and for CUDA. `m` must have a typestr.
py::dict export_interface(const memory& m);

} // namespace engine

/// Whether the array interface can describe `m`: a dtype of NumPy's own, on the host.
inline bool has_array_interface(const memory& m) { return host_accessible(m.device) && typestr_of(m.type); }

/// The dictionary for memory that passes `has_array_interface`. The consumer keeps the exporter alive.
inline py::dict export_array_interface(const memory& m) { return engine::export_interface(m); }

/// The capsule for memory that passes `has_array_interface`; it holds `keep`, whose extents `m` may use.
py::object export_array_struct(const memory& m, anchor keep);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/protocols/array_interface.cpp"
#endif
