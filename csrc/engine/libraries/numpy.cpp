#include <numpy_bridge/libraries/numpy.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// The row of a dtype registered by ml_dtypes: its scalar type is called as the row is.
NUMPY_BRIDGE_INLINE std::optional<dtype> from_ml_dtype(const numpy_abi::descr& descr) {
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
NUMPY_BRIDGE_INLINE const char* hint_for_descr(const numpy_abi::descr& descr) {
    const std::string_view name = descr.scalar_type->tp_name;
    const char* hint = hint_for_name(name.substr(name.rfind('.') + 1));
    const bool of_others = descr.number >= numpy_abi::first_user_number && descr.kind != 'T';
    return hint[0] != 0 && of_others ? hint : hint_for_kind(descr.kind);
}

NUMPY_BRIDGE_INLINE element_type type_of_descr(const numpy_abi::descr& descr) {
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

NUMPY_BRIDGE_INLINE bool is_masked_array(PyObject* x) {
    const py::object module = imported_module("numpy.ma");
    return module && py::isinstance(py::handle(x), module.attr("MaskedArray"));
}

/// Keeps the block of `x` where it is. `ndarray.resize` refuses an array that somebody holds a weak
/// reference to, even with `refcheck=False`; memory that NumPy was lent as a buffer is locked by an
/// export, which `numpy.ndarray(buffer=...)` does not hold.
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
        if (!out.lease) PyErr_Clear(); // nothing to lock: the memory came to NumPy in another way
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
    out.description = {reinterpret_cast<std::byte*>(array.data),
                       type_of_descr(*array.descr),
                       cpu_device,
                       (array.flags & numpy_abi::flag_writeable) == 0,
                       array.ndim,
                       reinterpret_cast<const std::int64_t*>(array.shape),
                       reinterpret_cast<const std::int64_t*>(array.strides)};
    validate(out.description, "NumPy");
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

NUMPY_BRIDGE_INLINE const library& numpy_row() noexcept {
    static const library row = {"numpy", is_array, import_array, is_array_unmoved, make_array, spelled_for_numpy};
    return row;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
