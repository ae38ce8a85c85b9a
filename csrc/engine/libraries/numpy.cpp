#include <numpy_bridge/libraries/numpy.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <numpy_bridge/cpython.hpp>
#include <numpy_bridge/dtype_reasons.hpp>
#include <numpy_bridge/opaque.hpp>
#include <numpy_bridge/protocols/array_interface.hpp>
#include <numpy_bridge/protocols/buffer.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// The scalar type that the optional package ml_dtypes adds to NumPy.
NUMPY_BRIDGE_INLINE py::object ml_dtype(const dtype_info& row) {
    py::object module;
    try {
        module = import_module("ml_dtypes");
    } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_ImportError)) throw;
        refuse("NumPy", "dtype", "a dtype that NumPy has", row.name,
               "install ml_dtypes, which adds it: pip install 'numpy-bridge[ml-dtypes]'");
    }
    if (!py::hasattr(module, row.name))
        refuse("NumPy", "dtype", "a dtype that NumPy or ml_dtypes has", row.name,
               row.id == dtype::complex32 ? hint_to_parts : hint_to_bytes);
    return module.attr(row.name);
}

} // namespace engine

NUMPY_BRIDGE_INLINE numpy_library::numpy_library() {
    const py::object numpy = engine::import_module("numpy");
    const std::string major = engine::to_text(numpy.attr("__version__")).substr(0, 2);
    const char* core = major == "1." ? "numpy.core._multiarray_umath" : "numpy._core._multiarray_umath";
    const py::object capsule = engine::import_module(core).attr("_ARRAY_API");
    auto** table = static_cast<void**>(PyCapsule_GetPointer(capsule.ptr(), nullptr));
    if (table == nullptr) throw py::error_already_set();
    array_type_ = static_cast<PyTypeObject*>(table[numpy_abi::slot_array_type]);
    scalar_type_ = static_cast<PyTypeObject*>(table[numpy_abi::slot_scalar_type]);
    descr_from_type_ = reinterpret_cast<descr_from_type>(table[numpy_abi::slot_descr_from_type]);
    new_from_descr_ = reinterpret_cast<new_from_descr>(table[numpy_abi::slot_new_from_descr]);
    set_base_ = reinterpret_cast<set_base>(table[numpy_abi::slot_set_base]);
}

NUMPY_BRIDGE_INLINE const numpy_library& numpy_library::first() {
    std::unique_ptr<const numpy_library> fresh(new numpy_library);
    const numpy_library* known = nullptr;
    const bool kept = instance().compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel);
    return kept ? *fresh.release() : *known;
}

NUMPY_BRIDGE_INLINE py::object numpy_library::new_array(const memory& m, py::object base) const {
    if (!host_accessible(m.device))
        engine::refuse("NumPy", "device", "memory on the host", name_of(m.device), engine::hint_to_host);
    PyObject* result = new_from_descr_(
        array_type_, descr_for(m).release().ptr(), m.ndim, reinterpret_cast<const Py_ssize_t*>(m.shape),
        reinterpret_cast<const Py_ssize_t*>(m.strides), m.data, m.readonly ? 0 : numpy_abi::flag_writeable, nullptr);
    if (result == nullptr)
        engine::refuse("NumPy", "array", "an array that NumPy can make", engine::text_of_pending_error());
    auto array = py::reinterpret_steal<py::object>(result);
    if (set_base_(array.ptr(), base.release().ptr()) != 0) throw py::error_already_set();
    return array;
}

NUMPY_BRIDGE_INLINE py::object numpy_library::empty_array(const memory& m, bool in_fortran_order) const {
    return engine::stolen(new_from_descr_(array_type_, descr_for(m).release().ptr(), m.ndim,
                                          reinterpret_cast<const Py_ssize_t*>(m.shape), nullptr, nullptr,
                                          in_fortran_order ? numpy_abi::flag_f_contiguous : 0, nullptr));
}

NUMPY_BRIDGE_INLINE py::object numpy_library::descr_for(const memory& m) const {
    if (m.type.id != dtype::opaque) return descr_for(m.type);
    return py::reinterpret_borrow<py::object>(static_cast<PyObject*>(m.opaque.dtype));
}

NUMPY_BRIDGE_INLINE py::object numpy_library::descr_for(element_type type) const {
    const dtype_info& row = info(type.id);
    if (row.numpy_number >= 0 && type.order == byte_order::native)
        return engine::stolen(descr_from_type_(row.numpy_number));
    const py::object numpy_dtype = engine::import_module("numpy").attr("dtype");
    if (row.numpy_number >= 0) return numpy_dtype(name_of(type).c_str());
    return numpy_dtype(engine::ml_dtype(row));
}

namespace engine {

/// The row of a dtype registered by ml_dtypes: its scalar type has the name of the row.
NUMPY_BRIDGE_INLINE std::optional<dtype> from_ml_dtype(const numpy_abi::descr& descr) {
    const auto id = from_name(name_of_type(descr.scalar_type));
    const py::object module = imported_module("ml_dtypes");
    if (!id || !module) return std::nullopt;
    const py::object type = py::getattr(module, info(*id).name, py::none());
    return type.ptr() == reinterpret_cast<PyObject*>(descr.scalar_type) ? id : std::nullopt;
}

/// By name for the dtypes of ml_dtypes, which have no kind of their own. NumPy's variable-length strings have a user
/// dtype number and the scalar type of fixed-length ones, so only their kind identifies them.
NUMPY_BRIDGE_INLINE const char* hint_for_descr(const numpy_abi::descr& descr) {
    const char* hint = hint_for_name(name_of_type(descr.scalar_type));
    const bool of_others = descr.number >= numpy_abi::first_user_number && descr.kind != 'T';
    return hint[0] != 0 && of_others ? hint : hint_for_kind(descr.kind);
}

/// Whether NumPy can make numbers of the objects or texts of `array`, as far as a few of them tell. Only exact types of
/// Python are tried: others would run code.
NUMPY_BRIDGE_INLINE bool holds_numbers(py::handle array) {
    constexpr Py_ssize_t some = 64;
    try {
        const py::object first = array.attr("flat")[py::slice(Py_ssize_t{0}, some, Py_ssize_t{1})];
        for (const py::handle item : first.attr("tolist")())
            if (PyFloat_CheckExact(item.ptr()) == 0 && PyLong_CheckExact(item.ptr()) == 0 &&
                PyBool_Check(item.ptr()) == 0 && !item.is_none() && PyUnicode_CheckExact(item.ptr()) == 0 &&
                PyBytes_CheckExact(item.ptr()) == 0)
                return false;
        first.attr("astype")("float64");
        return true;
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises errors that are not about the array
        return false;
    }
}

/// A hint for dtypes, as code that this array or scalar can run.
NUMPY_BRIDGE_INLINE std::string hint_for_array(py::handle x, std::string hint) {
    const auto replace = [&hint](std::string_view from, const std::string& to) {
        if (const std::size_t at = hint.find(from); at != std::string::npos) hint.replace(at, from.size(), to);
    };
    const py::object dtype = x.attr("dtype"), names = dtype.attr("names");
    if (!names.is_none() && py::len(names) == 0) return {}; // there is nothing to share
    if (names.is_none()) replace("share one field at a time, x['field'], or the bytes,", "share the bytes:");
    else replace("'field'", to_text(py::repr(names[py::int_(0)])));
    if (dtype.attr("hasobject").ptr() == Py_True) replace(", or the bytes, x.view('u1')", "");
    if (hint.find("astype(float)") != std::string::npos && !holds_numbers(x)) replace(", e.g. x.astype(float)", "");
    const py::tuple strides = to_tuple(x.attr("strides"));
    const bool gaps = !strides.empty() && !py::object(strides[strides.size() - 1]).equal(dtype.attr("itemsize"));
    if (strides.empty() || gaps)
        replace("x.view('u", strides.empty() ? "np.atleast_1d(x).view('u" : "np.ascontiguousarray(x).view('u");
    return hint;
}

NUMPY_BRIDGE_INLINE element_type type_of_descr(const numpy_abi::descr& descr, PyObject* of) {
    const bool native = numpy_abi::is_native(descr);
    auto id = from_numpy_number(descr.number);
    if (!id) id = from_ml_dtype(descr);
    if (!id) {
        const py::handle object(reinterpret_cast<PyObject*>(const_cast<numpy_abi::descr*>(&descr)));
        refuse("NumPy", "dtype", "a supported number dtype", to_text(object),
               hint_for_array(of, hint_for_descr(descr)));
    }
    const dtype_info& row = info(*id);
    if (!native && row.numpy_number < 0)
        refuse("NumPy", "byte order", "the machine's own byte order for " + std::string(row.name), "the other one",
               "swap the bytes first: x.view('u2').byteswap()");
    return {*id, native ? byte_order::native : byte_order::swapped};
}

/// Whether the request accepts elements of this dtype, which is none of the table's.
NUMPY_BRIDGE_INLINE bool accepts_opaque(const numpy_abi::descr& descr, const request& wanted) {
    if (!wanted.opaque || from_numpy_number(descr.number) || descr.number >= numpy_abi::first_user_number) return false;
    return is_opaque(reinterpret_cast<PyObject*>(const_cast<numpy_abi::descr*>(&descr)));
}

/// There are none while numpy.ma is not imported. Its type is looked up once.
NUMPY_BRIDGE_INLINE bool is_masked_array(PyObject* x) {
    static std::atomic<PyTypeObject*> known{nullptr};
    PyTypeObject* type = known.load(std::memory_order_acquire);
    if (type == nullptr) {
        static interned_name name{nullptr};
        const py::object module = imported_module(interned(name, "numpy.ma"));
        py::object found = module ? py::getattr(module, "MaskedArray", py::none()) : py::none();
        if (PyType_Check(found.ptr()) == 0) return false; // numpy.ma is being imported at most
        type = reinterpret_cast<PyTypeObject*>(found.release().ptr());
        known.store(type, std::memory_order_release);
    }
    return PyObject_TypeCheck(x, type) != 0;
}

/// Keeps the block of `x` where it is. `ndarray.resize` refuses an array with weak references, even with
/// `refcheck=False`. Memory that NumPy took from a buffer is locked by an export, because
/// `numpy.ndarray(buffer=...)` holds none.
NUMPY_BRIDGE_INLINE void pin_array(const numpy_library& numpy, PyObject* x, imported& out) {
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
        if (!out.lease) PyErr_Clear(); // nothing to lock: NumPy has the memory from another source
    }
}

NUMPY_BRIDGE_INLINE bool is_array_unmoved(const witness& seen, const memory& was) {
    const auto& now = *reinterpret_cast<const numpy_abi::array*>(seen.object);
    return now.ndim == was.ndim && static_cast<const void*>(now.data) == was.data &&
           std::equal(was.shape, was.shape + was.ndim, now.shape) &&
           std::equal(was.strides, was.strides + was.ndim, now.strides);
}

NUMPY_BRIDGE_INLINE void import_array(PyObject* x, const request& wanted, imported& out) {
    const numpy_library& numpy = numpy_library::get();
    if (!numpy.is_exact_array(x) && is_masked_array(x))
        refuse("NumPy", "type", "an array without a mask", "a masked array",
               "share its data, x.data, or fill the gaps, x.filled()");
    if (wanted.held != hold::nothing && wanted.used != use::addresses)
        pin_array(numpy, x, out); // may run Python, so it comes first
    const auto& array = *reinterpret_cast<numpy_abi::array*>(x);
    const bool opaque = accepts_opaque(*array.descr, wanted);
    const element_type type = opaque ? element_type{dtype::opaque, byte_order::native} : type_of_descr(*array.descr, x);
    out.description = host_memory(array.data, type, (array.flags & numpy_abi::flag_writeable) == 0, array.ndim,
                                  reinterpret_cast<const std::int64_t*>(array.shape),
                                  reinterpret_cast<const std::int64_t*>(array.strides));
    if (opaque) set_opaque(py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(array.descr)), out);
    validate(out.description, "NumPy");
}

NUMPY_BRIDGE_INLINE void check_scalar(PyObject* x, const request& wanted) {
    if (!numpy_library::get().is_scalar(x) || PyBytes_Check(x) != 0) return;
    const py::object descr = optional_attribute(x, "dtype"); // a subclass may answer anything
    if (!descr || !PyObject_IsInstance(descr.ptr(), import_module("numpy").attr("dtype").ptr())) return;
    const auto& seen = *reinterpret_cast<const numpy_abi::descr*>(descr.ptr());
    const bool is_time = seen.kind == 'M' || seen.kind == 'm'; // whose buffer is that of bytes
    if (is_time || !accepts_opaque(seen, wanted)) type_of_descr(seen, x);
}

NUMPY_BRIDGE_INLINE py::object make_array(const memory& m, anchor keep) {
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

NUMPY_BRIDGE_INLINE PyObject* base_of_array(PyObject* x) { return reinterpret_cast<numpy_abi::array*>(x)->base; }

NUMPY_BRIDGE_INLINE const library& numpy_row() noexcept {
    static const library row = {"numpy",    is_array,          import_array, is_array_unmoved,
                                make_array, spelled_for_numpy, base_of_array};
    return row;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
