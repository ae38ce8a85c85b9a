/// numpy.ndarray, import and export, through NumPy's C API.
///
/// The few structures and table slots that are needed are declared here, so that extensions build without
/// NumPy and run on NumPy 1.26 and 2.x alike. `tests/cpp/numpy_abi_test.cpp` compares them with NumPy's
/// own headers.
#pragma once

#include <atomic>

#include <numpy_bridge/libraries/library.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace numpy_abi {

/// The fields of PyArray_Descr that NumPy 1.x and 2.x share.
struct descr {
    PyObject_HEAD PyTypeObject* scalar_type;
    char kind;
    char type;
    char byteorder; ///< '=', '|', '<' or '>'
    char flags;
    int number; ///< NPY_TYPES
};

/// Whether the bytes are in the machine's own order. NumPy mostly writes '=' for that, but dtypes that it reads
/// from a ctypes array keep the machine's '<' or '>'.
inline bool is_native(const descr& of) noexcept { return of.byteorder != (detail::big_endian ? '<' : '>'); }

/// PyArrayObject_fields up to the last one that is stable.
struct array {
    PyObject_HEAD char* data;
    int ndim;
    Py_ssize_t* shape;
    Py_ssize_t* strides;
    PyObject* base;
    numpy_abi::descr* descr;
    int flags;
    PyObject* weak_references;
};

inline constexpr int first_user_number = 256; ///< of dtypes that other packages have registered

inline constexpr int flag_own_data = 0x0004;

inline constexpr int flag_writeable = 0x0400;

/// Slots of the function table in `_multiarray_umath._ARRAY_API`.
enum slot : int {
    slot_array_type = 2,
    slot_scalar_type = 10,
    slot_descr_from_type = 45,
    slot_new_from_descr = 94,
    slot_set_base = 282
};

} // namespace numpy_abi

/// The parts of this process's NumPy that are needed.
class numpy_library {
public:
    /// Imports NumPy on the first call. Call with the GIL held.
    static const numpy_library& get() {
        const auto* known = instance().load(std::memory_order_acquire);
        return known != nullptr ? *known : first();
    }

    bool is_exact_array(PyObject* x) const noexcept { return Py_TYPE(x) == array_type_; }
    /// A NumPy scalar such as numpy.float32(1): a value rather than memory, though it has a buffer.
    bool is_scalar(PyObject* x) const noexcept { return PyObject_TypeCheck(x, scalar_type_) != 0; }
    bool is_array(PyObject* x) const noexcept { return PyObject_TypeCheck(x, array_type_) != 0; }
    bool is_array_type(PyTypeObject* type) const noexcept { return PyType_IsSubtype(type, array_type_) != 0; }

    /// A new array over `m`; `base` keeps the memory alive and is kept alive by the array. Raises
    /// sharing_error for memory that is not on the host and dtypes that NumPy lacks.
    py::object new_array(const memory& m, py::object base) const;

    /// A new array with the dtype and the shape of `m`, whose elements are not set. Raises what NumPy raises.
    py::object empty_array(const memory& m, bool in_fortran_order) const;

    /// The `numpy.dtype` of an element type. Raises sharing_error if NumPy has none.
    py::object descr_for(element_type type) const;
    py::object descr_for(const memory& m) const;

private:
    using descr_from_type = PyObject* (*)(int);
    using new_from_descr = PyObject* (*)(PyTypeObject*, PyObject*, int, const Py_ssize_t*, const Py_ssize_t*, void*,
                                         int, PyObject*);
    using set_base = int (*)(PyObject*, PyObject*);

    numpy_library();

    static std::atomic<const numpy_library*>& instance() {
        static std::atomic<const numpy_library*> pointer{nullptr};
        return pointer;
    }

    /// Publishes the one instance; threads that meet here may each make one.
    static const numpy_library& first();

    PyTypeObject* array_type_ = nullptr;
    PyTypeObject* scalar_type_ = nullptr;
    descr_from_type descr_from_type_ = nullptr;
    new_from_descr new_from_descr_ = nullptr;
    set_base set_base_ = nullptr;
};

namespace engine {

/// Whether the ndarray still has the recorded address, shape and strides.
bool is_array_unmoved(const witness& seen, const memory& was);

/// Whether `x` is a numpy.ma.MaskedArray. Runs no Python code.
bool is_masked_array(PyObject* x);

/// Imports a numpy.ndarray or a subclass. Raises sharing_error for dtypes that are not numbers, and for masked arrays.
void import_array(PyObject* x, const request& wanted, imported& out);

/// Refuses a NumPy scalar with a dtype that arrays are refused for. Its buffer would be that of bytes.
void check_scalar(PyObject* x, const request& wanted);

inline bool is_array(PyObject* x) { return numpy_library::get().is_array(x); }

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/numpy.cpp"
#endif
