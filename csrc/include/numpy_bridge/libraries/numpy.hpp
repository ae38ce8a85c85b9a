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

/// The row of a dtype registered by ml_dtypes: its scalar type is called as the row is.
inline std::optional<dtype> from_ml_dtype(const numpy_abi::descr& descr) {
    const std::string_view name = descr.scalar_type->tp_name;
    const std::size_t dot = name.rfind('.');
    const auto id = from_name(dot == std::string_view::npos ? name : name.substr(dot + 1));
    const py::object module = imported_module("ml_dtypes");
    if (!id || !module) return std::nullopt;
    const py::object type = py::getattr(module, info(*id).name, py::none());
    return type.ptr() == reinterpret_cast<PyObject*>(descr.scalar_type) ? id : std::nullopt;
}

/// By name for the dtypes of ml_dtypes, whose kind says nothing. NumPy's strings of variable length are numbered as if
/// they were somebody else's, and have the scalar type of those of fixed length: only their kind tells.
inline const char* hint_for_descr(const numpy_abi::descr& descr) {
    const std::string_view name = descr.scalar_type->tp_name;
    const char* hint = hint_for_name(name.substr(name.rfind('.') + 1));
    const bool of_others = descr.number >= numpy_abi::first_user_number && descr.kind != 'T';
    return hint[0] != 0 && of_others ? hint : hint_for_kind(descr.kind);
}

inline element_type type_of_descr(const numpy_abi::descr& descr) {
    const bool native = numpy_abi::is_native(descr);
    auto id = from_numpy_number(descr.number);
    if (!id) id = from_ml_dtype(descr);
    if (!id) {
        const py::handle object(reinterpret_cast<PyObject*>(const_cast<numpy_abi::descr*>(&descr)));
        refuse("NumPy", "dtype", "a dtype in the dtype table", py::str(object).cast<std::string>(),
               hint_for_descr(descr));
    }
    const dtype_info& row = info(*id);
    if (!native && row.numpy_number < 0)
        refuse("NumPy", "byte order", "the machine's own for " + std::string(row.name), "the other one",
               "swap the bytes first: x.view('u2').byteswap()");
    return {*id, native ? byte_order::native : byte_order::swapped};
}

inline bool is_masked_array(PyObject* x) {
    const py::object module = imported_module("numpy.ma");
    return module && py::isinstance(py::handle(x), module.attr("MaskedArray"));
}

/// Keeps the block of `x` where it is. `ndarray.resize` refuses an array that somebody holds a weak
/// reference to, even with `refcheck=False`; memory that NumPy was lent as a buffer is locked by an
/// export, which `numpy.ndarray(buffer=...)` does not hold.
inline void pin_array(const numpy_library& numpy, PyObject* x, imported& out) {
    PyObject* root = x;
    PyObject* base = reinterpret_cast<numpy_abi::array*>(root)->base;
    while (base != nullptr && numpy.is_array(base)) {
        root = base;
        base = reinterpret_cast<numpy_abi::array*>(root)->base;
    }
    if (base == nullptr) {
        out.pin = stolen(PyWeakref_NewRef(root, nullptr));
    } else if (PyObject_CheckBuffer(base) != 0) {
        out.lease = hold_buffer(base);
        if (!out.lease) PyErr_Clear(); // nothing to lock: the memory came to NumPy in another way
    }
}

/// Whether the ndarray still has the address, shape and strides that it had.
inline bool is_array_unmoved(const witness& seen, const memory& was) {
    const auto& now = *reinterpret_cast<const numpy_abi::array*>(seen.object);
    return now.ndim == was.ndim && static_cast<const void*>(now.data) == was.data &&
           std::equal(was.shape, was.shape + was.ndim, now.shape) &&
           std::equal(was.strides, was.strides + was.ndim, now.strides);
}

/// Imports a numpy.ndarray or a subclass. Raises sharing_error for dtypes that are not numbers, and for masked arrays.
inline void import_array(PyObject* x, const request& wanted, imported& out) {
    const numpy_library& numpy = numpy_library::get();
    if (!numpy.is_exact_array(x) && is_masked_array(x))
        refuse("NumPy", "type", "an array without a mask", "a masked array",
               "share its data, x.data, or fill the gaps, x.filled()");
    if (wanted.held != hold::nothing && wanted.used != use::addresses)
        pin_array(numpy, x, out); // may run Python, so it comes first
    const auto& array = *reinterpret_cast<numpy_abi::array*>(x);
    out.description = {reinterpret_cast<std::byte*>(array.data),
                       type_of_descr(*array.descr),
                       cpu_device,
                       (array.flags & numpy_abi::flag_writeable) == 0,
                       array.ndim,
                       reinterpret_cast<const std::int64_t*>(array.shape),
                       reinterpret_cast<const std::int64_t*>(array.strides)};
    validate(out.description, "NumPy");
}

inline bool is_array(PyObject* x) { return numpy_library::get().is_array(x); }

inline py::object make_array(const memory& m, anchor keep) {
    return numpy_library::get().new_array(m, capsule_over(std::move(keep)));
}

inline constexpr dialect spelled_for_numpy = {"np.",
                                              "{x}.astype({dtype})",
                                              "{x}.reshape(...)",
                                              "np.ascontiguousarray({x})",
                                              "np.asfortranarray({x})",
                                              "torch.tensor({x})", // aligns to 64 bytes
                                              "{x}.copy()",
                                              "its own library's copy to the host",
                                              "torch.as_tensor({x}).cuda()"};

/// numpy.ndarray
inline const library& numpy_row() noexcept {
    static const library row = {"numpy", is_array, import_array, is_array_unmoved, make_array, spelled_for_numpy};
    return row;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
