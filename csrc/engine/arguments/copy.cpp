#include <numpy_bridge/arguments/copy.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <numpy_bridge/copy.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// What numbers a dtype has. Kinds are in the order in which each has the values of the ones before.
struct number_range {
    enum class kind : std::uint8_t { boolean, natural, integer, floating, complex, other };
    kind what;
    int digits;   ///< binary digits of an integer without its sign, or of a significand
    int exponent; ///< bits
};

NUMPY_BRIDGE_INLINE number_range range_of(dtype id) noexcept {
    using kind = number_range::kind;
    const int bits = 8 * info(id).itemsize;
    switch (id) {
    case dtype::boolean:
        return {kind::boolean, 1, 0};
    case dtype::uint8:
    case dtype::uint16:
    case dtype::uint32:
    case dtype::uint64:
        return {kind::natural, bits, 0};
    case dtype::int8:
    case dtype::int16:
    case dtype::int32:
    case dtype::int64:
        return {kind::integer, bits - 1, 0};
    case dtype::float16:
        return {kind::floating, 11, 5};
    case dtype::bfloat16:
        return {kind::floating, 8, 8};
    case dtype::float32:
        return {kind::floating, 24, 8};
    case dtype::float64:
        return {kind::floating, 53, 11};
    case dtype::complex32:
        return {kind::complex, 11, 5};
    case dtype::complex64:
        return {kind::complex, 24, 8};
    case dtype::complex128:
        return {kind::complex, 53, 11};
    case dtype::float8_e4m3:
    case dtype::float8_e4m3fn:
        return {kind::floating, 4, 4};
    case dtype::float8_e5m2:
        return {kind::floating, 3, 5};
    default: // their zeros, infinities and ranges differ from the others'
        return {kind::other, 0, 0};
    }
}

/// NumPy's rule "same_kind".
NUMPY_BRIDGE_INLINE bool has_kind(dtype from, dtype to) noexcept {
    return range_of(from).what <= range_of(to).what && range_of(to).what != number_range::kind::other;
}

/// NumPy's rule "safe", which takes the integers of 64 bits for values of float64.
NUMPY_BRIDGE_INLINE bool keeps_values(dtype from, dtype to) noexcept {
    using kind = number_range::kind;
    const number_range f = range_of(from), t = range_of(to);
    if (!has_kind(from, to)) return false;
    if (f.what == kind::floating && info(to).itemsize == 1) return false; // each has other infinities
    if (f.what == kind::boolean) return true;
    if (f.what == kind::floating || f.what == kind::complex) return f.digits <= t.digits && f.exponent <= t.exponent;
    const bool to_fractions = t.what == kind::floating || t.what == kind::complex;
    return f.digits <= t.digits || (to_fractions && t.digits == 53);
}

NUMPY_BRIDGE_INLINE std::optional<dtype> best_dtype(dtype_set accepted, dtype found, bool may_narrow) noexcept {
    if ((accepted & set_of(found)) != 0) return found;
    const dtype_info *narrowest = nullptr, *nearest = nullptr;
    for (const dtype_info& row : dtype_table) {
        if ((accepted & set_of(row.id)) == 0 || !has_kind(found, row.id)) continue;
        const bool fits = keeps_values(found, row.id);
        if (fits && (narrowest == nullptr || row.itemsize < narrowest->itemsize)) narrowest = &row;
        const auto kind = range_of(row.id).what;
        if (nearest == nullptr || kind < range_of(nearest->id).what ||
            (kind == range_of(nearest->id).what && row.itemsize > nearest->itemsize))
            nearest = &row;
    }
    if (narrowest != nullptr) return narrowest->id;
    if (may_narrow && nearest != nullptr) return nearest->id;
    return std::nullopt;
}

/// The dtype to convert to; raises TypeError if there is none.
NUMPY_BRIDGE_INLINE dtype target_dtype(const requirements& r, dtype found) {
    const auto best = best_dtype(r.dtypes, found, r.may_narrow);
    if (!best) throw py::type_error(std::string(info(found).name) + " cannot become what is asked for");
    return *best;
}

NUMPY_BRIDGE_INLINE py::object converted_array(const py::object& values, const requirements& r) {
    imported in;
    engine::import_array(values.ptr(), engine::to_locate, in);
    const py::object type =
        numpy_library::get().descr_for({target_dtype(r, in.description.type.id), byte_order::native});
    const char* layout = r.order == order::f ? "F" : r.order == order::any ? "K" : "C";
    return values.attr("astype")(type, py::arg("order") = layout, py::arg("copy") = true, py::arg("subok") = false);
}

NUMPY_BRIDGE_INLINE py::object converted_tensor(py::object values, const requirements& r) {
    const py::module_ torch = py::module_::import("torch");
    const std::string found = py::str(values.attr("dtype"));
    const auto id = from_name(std::string_view(found).substr(found.find('.') + 1));
    if (!id) throw py::type_error(found + " is no dtype of numbers");
    const py::object type = torch.attr(info(target_dtype(r, *id)).name);
    const auto reversed = [](const py::object& t) {
        return t.attr("permute")(
            py::tuple(py::module_::import("builtins").attr("range")(t.attr("dim")()).attr("__reversed__")()));
    };
    if (r.order == order::f) values = reversed(values);
    values =
        values.attr("to")(type, py::arg("copy") = true, py::arg("memory_format") = torch.attr("contiguous_format"));
    return r.order == order::f ? py::object(reversed(values)) : values;
}

NUMPY_BRIDGE_INLINE py::object converted(PyObject* x, const requirements& r) {
    const py::object values = engine::values_of(x);
    return engine::is_tensor(values.ptr()) ? converted_tensor(values, r) : converted_array(values, r);
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
