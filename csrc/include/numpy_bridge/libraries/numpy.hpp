/// numpy.ndarray, import and export, through NumPy's C API.
///
/// The few structures and table slots that are needed are declared here, in our own words, so that
/// extensions built on these headers need no NumPy to build and run on NumPy 1.26 and 2.x alike.
/// `tests/cpp/numpy_abi_test.cpp` holds them against NumPy's own headers.
#pragma once

#include <string>

#include <pybind11/gil_safe_call_once.h>

#include <numpy_bridge/dtype_reasons.hpp>
#include <numpy_bridge/libraries/library.hpp>
#include <numpy_bridge/protocols/buffer.hpp>
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

/// What is needed of the NumPy that this process runs.
class numpy_library {
public:
    /// Imports NumPy on the first call. Call with the GIL held.
    static const numpy_library& get() {
        PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<numpy_library> storage;
        return storage.call_once_and_store_result([] { return numpy_library(); }).get_stored();
    }

    bool is_exact_array(PyObject* x) const noexcept { return Py_TYPE(x) == array_type_; }
    /// A NumPy scalar such as numpy.float32(1): a value rather than memory, though it has a buffer.
    bool is_scalar(PyObject* x) const noexcept { return PyObject_TypeCheck(x, scalar_type_) != 0; }
    bool is_array(PyObject* x) const noexcept { return PyObject_TypeCheck(x, array_type_) != 0; }

    /// A new array over `m`; `base` keeps the memory alive and is kept alive by the array. Raises
    /// sharing_error for memory that is not on the host and dtypes that NumPy lacks.
    py::object new_array(const memory& m, py::object base) const {
        if (!host_accessible(m.device))
            engine::refuse("NumPy", "device", "memory on the host", name_of(m.device),
                           "let its own library copy it to the host first, e.g. t.cpu()");
        PyObject* result = new_from_descr_(array_type_, descr_for(m.type).release().ptr(), m.ndim,
                                           reinterpret_cast<const Py_ssize_t*>(m.shape),
                                           reinterpret_cast<const Py_ssize_t*>(m.strides), m.data,
                                           m.readonly ? 0 : numpy_abi::flag_writeable, nullptr);
        if (result == nullptr)
            engine::refuse("NumPy", "array", "one that NumPy can make", engine::text_of_pending_error());
        auto array = py::reinterpret_steal<py::object>(result);
        if (set_base_(array.ptr(), base.release().ptr()) != 0) throw py::error_already_set();
        return array;
    }

    /// The `numpy.dtype` of an element type. Raises sharing_error where NumPy has none.
    py::object descr_for(element_type type) const {
        const dtype_info& row = info(type.id);
        if (row.numpy_number >= 0 && type.order == byte_order::native)
            return engine::stolen(descr_from_type_(row.numpy_number));
        const py::object numpy_dtype = py::module_::import("numpy").attr("dtype");
        if (row.numpy_number >= 0) return numpy_dtype(name_of(type));
        return numpy_dtype(ml_dtype(row));
    }

private:
    using descr_from_type = PyObject* (*)(int);
    using new_from_descr = PyObject* (*)(PyTypeObject*, PyObject*, int, const Py_ssize_t*, const Py_ssize_t*, void*,
                                         int, PyObject*);
    using set_base = int (*)(PyObject*, PyObject*);

    numpy_library() {
        const py::module_ numpy = py::module_::import("numpy");
        const auto major = py::str(numpy.attr("__version__")).cast<std::string>().substr(0, 2);
        const char* core = major == "1." ? "numpy.core._multiarray_umath" : "numpy._core._multiarray_umath";
        const py::object capsule = py::module_::import(core).attr("_ARRAY_API");
        auto** table = static_cast<void**>(PyCapsule_GetPointer(capsule.ptr(), nullptr));
        if (table == nullptr) throw py::error_already_set();
        array_type_ = static_cast<PyTypeObject*>(table[numpy_abi::slot_array_type]);
        scalar_type_ = static_cast<PyTypeObject*>(table[numpy_abi::slot_scalar_type]);
        descr_from_type_ = reinterpret_cast<descr_from_type>(table[numpy_abi::slot_descr_from_type]);
        new_from_descr_ = reinterpret_cast<new_from_descr>(table[numpy_abi::slot_new_from_descr]);
        set_base_ = reinterpret_cast<set_base>(table[numpy_abi::slot_set_base]);
    }

    /// The scalar type that the optional package ml_dtypes adds to NumPy.
    static py::object ml_dtype(const dtype_info& row) {
        py::object module;
        try {
            module = py::module_::import("ml_dtypes");
        } catch (py::error_already_set& error) {
            if (!error.matches(PyExc_ImportError)) throw;
            engine::refuse("NumPy", "dtype", "a dtype that NumPy has", row.name,
                           "install ml_dtypes, which adds it: pip install 'numpy-bridge[ml-dtypes]'");
        }
        if (!py::hasattr(module, row.name))
            engine::refuse("NumPy", "dtype", "a dtype that NumPy or ml_dtypes has", row.name,
                           row.id == dtype::complex32 ? "share its parts: torch.view_as_real(t)"
                                                      : "share its bytes: t.view(torch.uint8)");
        return module.attr(row.name);
    }

    PyTypeObject* array_type_ = nullptr;
    PyTypeObject* scalar_type_ = nullptr;
    descr_from_type descr_from_type_ = nullptr;
    new_from_descr new_from_descr_ = nullptr;
    set_base set_base_ = nullptr;
};

namespace engine {

/// Whether the ndarray still has the address, shape and strides that it had.
bool is_array_unmoved(const witness& seen, const memory& was);

/// Imports a numpy.ndarray or a subclass. Raises sharing_error for dtypes that are not numbers, and for masked arrays.
void import_array(PyObject* x, const request& wanted, imported& out);

inline bool is_array(PyObject* x) { return numpy_library::get().is_array(x); }

/// numpy.ndarray
const library& numpy_row() noexcept;

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/numpy.cpp"
#endif
