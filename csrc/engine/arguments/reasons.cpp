#include <numpy_bridge/arguments/reasons.hpp>

#include <numpy_bridge/arguments/copy.hpp>
#include <numpy_bridge/copy.hpp>
#include <numpy_bridge/libraries/library.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/opaque.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// "float64 (5, 2), strides (8, 40) bytes, read-only, on cuda:0": the properties of memory that requirements mention.
NUMPY_BRIDGE_INLINE std::string words_for(const memory& m) {
    std::string text = name_of(m);
    text.append(" ").append(text_of(m.shape, m.ndim));
    if (!is_c_contiguous(layout_of(m))) text += ", strides " + text_of(m.strides, m.ndim) + " bytes";
    if (m.readonly) text += ", read-only";
    if (m.device.type != device_type::cpu) text += ", on " + name_of(m.device);
    return text;
}

/// A dtype as code: "np.float32", "torch.bfloat16", "ml_dtypes.bfloat16".
NUMPY_BRIDGE_INLINE std::string code_of(std::string_view dtypes, dtype id) {
    const dtype_info& row = info(id);
    if (dtypes != "np.") return std::string(dtypes) + row.name;
    if (id == dtype::boolean) return row.name;
    return (row.numpy_number >= 0 ? "np." : "ml_dtypes.") + std::string(row.name);
}

/// The dtype that `r` asks for, as it is registered.
NUMPY_BRIDGE_INLINE std::string name_of_record(const requirements& r) { return engine::to_text(record_dtype(r)); }

NUMPY_BRIDGE_INLINE std::string expectation(const requirements& r) {
    if (!r.record) return std::string(words_for(r).view());
    fixed_text layout;
    write_layout(layout, r);
    return name_of_record(r) + std::string(layout.view());
}

inline constexpr const char* assign_first = "assign it first, or the writes are lost: ";

NUMPY_BRIDGE_INLINE void replace_all(std::string& text, std::string_view from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

NUMPY_BRIDGE_INLINE std::string on_one_line(std::string text) {
    replace_all(text, "\n", "; ");
    return text;
}

/// The call that makes an object meet a requirement.
NUMPY_BRIDGE_INLINE const char* remedy(mismatch found, const requirements& r, const engine::dialect& spelled) noexcept {
    switch (found) {
    case mismatch::device:
        return r.where == place::cuda ? spelled.to_cuda : spelled.to_host;
    case mismatch::dtype:
    case mismatch::byte_order:
        return spelled.convert;
    case mismatch::ndim:
    case mismatch::extents:
        return spelled.reshape;
    case mismatch::order:
        return r.order == order::f ? spelled.f_order : spelled.c_order;
    case mismatch::alignment:
        return r.alignment > alignof(std::max_align_t) ? spelled.align : spelled.copy;
    case mismatch::strides:
    case mismatch::overlap:
    case mismatch::readonly:
        return spelled.copy;
    case mismatch::none:
        break;
    }
    return "";
}

/// The call that makes records of `m`. NumPy assigns fields by position: `astype` would mix up those of other names.
NUMPY_BRIDGE_INLINE const char* remedy_for_records(const requirements& r, const memory& m,
                                                   const engine::dialect& spelled) {
    const py::object wanted = record_dtype(r);
    const py::object names = wanted.attr("names");
    if (m.type.id != dtype::opaque) return names.is_none() ? spelled.convert : "";
    const auto found = py::reinterpret_borrow<py::object>(static_cast<PyObject*>(m.opaque.dtype));
    if (has_same_fields(found, wanted)) return spelled.convert;
    if (names.is_none() || found.attr("names").is_none()) return "";
    const bool has_all = engine::is_true(py::set(names).attr("issubset")(found.attr("names")));
    return has_all ? "numpy.lib.recfunctions.require_fields({x}, {dtype})" : "";
}

/// "call x.astype(np.float32) and np.ascontiguousarray(x)": a call for each requirement that is not met. If the
/// function writes, the caller needs the new object, too: "assign it first, or the writes are lost: x =
/// x.astype(np.float32)".
NUMPY_BRIDGE_INLINE std::string remedies(const requirements& r, const memory& m, const engine::dialect& spelled,
                                         const std::string& x) {
    const dtype wanted = best_dtype(r.dtypes, m.type.id, true).value_or(first_of(r.dtypes));
    std::string text;
    for_each_mismatch(r, m, [&](mismatch which) {
        const bool of_records = which == mismatch::dtype && r.record;
        std::string call = of_records ? remedy_for_records(r, m, spelled) : remedy(which, r, spelled);
        if (call.empty()) return false;
        replace_all(call, "{x}", x);
        replace_all(call, "{dtype}", r.record ? name_of_record(r) : code_of(spelled.dtypes, wanted));
        if (r.writable) call.insert(0, x + " = ");
        if (text.find(call) == std::string::npos) text += (text.empty() ? "" : " and ") + call;
        return false;
    });
    if (!text.empty()) text.insert(0, r.writable ? assign_first : "call ");
    return text;
}

/// Requirements of addresses that are not met and that a description of memory does not show.
NUMPY_BRIDGE_INLINE std::string unseen_faults(const requirements& r, const memory& m) {
    std::string text;
    for_each_mismatch(r, m, [&](mismatch which) {
        if (which == mismatch::alignment) text += ", misaligned";
        if (which == mismatch::overlap) text += ", with elements that share memory";
        return false;
    });
    return text;
}

/// The remedy for numbers and sequences of them, which have no memory of their own.
NUMPY_BRIDGE_INLINE std::string remedy_without_memory(PyObject* x, const requirements& r, const std::string& name) {
    const bool numeric = PyList_Check(x) != 0 || PyTuple_Check(x) != 0 || PyLong_Check(x) != 0 ||
                         PyFloat_Check(x) != 0 || PyComplex_Check(x) != 0 || numpy_library::get().is_scalar(x);
    if (!numeric) return {};
    const bool any = r.as_bytes || r.dtypes == element_types<void>::set;
    const std::string dtype = r.record ? name_of_record(r) : code_of("np.", first_of(r.dtypes));
    return std::string("; ") + (r.writable ? assign_first + name + " = " : "call ") + "np.asarray(" + name +
           (any ? "" : ", " + dtype) + ")";
}

/// A call that copies the values of `x`, which has none to share.
NUMPY_BRIDGE_INLINE const char* call_that_copies(PyObject* x) {
    const auto has = [type = py::handle(engine::type_of(x))](const char* name) { return py::hasattr(type, name); };
    const bool by_numpy =
        PyObject_CheckBuffer(x) != 0 || has("__array__") || has("__array_interface__") || has("__array_struct__");
    return by_numpy ? "call np.array(x)" : "call np.from_dlpack(x)";
}

NUMPY_BRIDGE_INLINE std::string words_for(const refused_argument& refused, PyObject* x, const requirements& r,
                                          const std::string& name) {
    using cause = refused_argument::cause;
    std::string start;
    start.reserve(256); // of most reasons
    start.append(name).append(": expected ").append(expectation(r)).append("; got ");
    switch (refused.what) {
    case cause::no_memory:
    case cause::no_protocol:
        if (!refused.why.got.empty()) return start + engine::type_name(x) + ": " + on_one_line(refused.why.got);
        if (refused.what == cause::no_memory) return start + engine::type_name(x) + remedy_without_memory(x, r, name);
        return start + engine::type_name(x) + ", which supports no protocol for sharing memory";
    case cause::mismatch: {
        const std::string remedy = remedies(r, refused.found, engine::spelling_of(x), name);
        start.append(words_for(refused.found)).append(unseen_faults(r, refused.found));
        start.append(", a ").append(engine::type_name(x)).append(remedy.empty() ? "" : "; ").append(remedy);
        return start;
    }
    case cause::refusal:
        break;
    }
    refusal why = refused.why;
    engine::finish_hint(x, why, why.hint == engine::hint_to_copy ? call_that_copies(x) : "");
    const std::string hint = engine::hint_about(name, why.hint);
    return start + engine::type_name(x) + ": " + on_one_line(why.got) + (hint.empty() ? "" : "; " + hint);
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
