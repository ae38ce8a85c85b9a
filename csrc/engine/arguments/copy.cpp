#include <numpy_bridge/arguments/copy.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <numpy_bridge/casting.hpp>
#include <numpy_bridge/copy.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

NUMPY_BRIDGE_INLINE std::optional<dtype> best_dtype(dtype_set accepted, dtype found, bool may_narrow) noexcept {
    if ((accepted & set_of(found)) != 0) return found;
    const dtype_info *narrowest = nullptr, *nearest = nullptr;
    for (const dtype_info& row : dtype_table) {
        if ((accepted & set_of(row.id)) == 0 || !is_same_kind(found, row.id)) continue;
        const bool fits = keeps_values(found, row.id);
        if (fits && (narrowest == nullptr || row.itemsize < narrowest->itemsize)) narrowest = &row;
        const auto kind = kind_of(row.id);
        if (nearest == nullptr || kind < kind_of(nearest->id) ||
            (kind == kind_of(nearest->id) && row.itemsize > nearest->itemsize))
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

NUMPY_BRIDGE_INLINE bool has_same_fields(const py::object& found, const py::object& wanted) {
    const py::object names = wanted.attr("names");
    if (!names.equal(found.attr("names"))) return false;
    for (const py::handle name : names.is_none() ? py::tuple() : engine::to_tuple(names))
        if (!has_same_fields(found[name].attr("base"), wanted[name].attr("base"))) return false;
    return true;
}

/// NumPy's dtype to convert to. Records change only their byte order and padding, unless they may be narrowed.
NUMPY_BRIDGE_INLINE py::object target_dtype_of_array(const py::object& values, const requirements& r) {
    py::object found = values.attr("dtype");
    if (r.as_bytes) return found;
    if (!r.may_convert) return found.attr("newbyteorder")("=");
    if (r.record) {
        py::object wanted = record_dtype(r);
        const char* rule = r.may_narrow ? "same_kind" : "equiv";
        if (!has_same_fields(found, wanted) ||
            !engine::is_true(engine::import_module("numpy").attr("can_cast")(found, wanted, rule)))
            throw py::type_error("the elements cannot become what is asked for");
        return wanted;
    }
    imported in;
    engine::import_array(values.ptr(), engine::to_locate, in);
    return numpy_library::get().descr_for({target_dtype(r, in.description.type.id), byte_order::native});
}

NUMPY_BRIDGE_INLINE py::object converted_array(const py::object& values, const requirements& r) {
    const py::object type = target_dtype_of_array(values, r);
    const char* layout = r.order == order::f ? "F" : r.order == order::any ? "K" : "C";
    return values.attr("astype")(type, py::arg("order") = layout, py::arg("copy") = true, py::arg("subok") = false);
}

NUMPY_BRIDGE_INLINE py::object converted_tensor(py::object values, const requirements& r) {
    const py::object torch = engine::import_module("torch");
    const std::string found = engine::to_text(values.attr("dtype"));
    const auto id = from_name(std::string_view(found).substr(found.find('.') + 1));
    if (!id) throw py::type_error(found + " is no dtype of numbers");
    const py::object type = torch.attr(info(r.may_convert ? target_dtype(r, *id) : *id).name);
    const auto reversed = [](const py::object& t) {
        return t.attr("permute")(
            engine::to_tuple(engine::import_module("builtins").attr("range")(t.attr("dim")()).attr("__reversed__")()));
    };
    if (r.order == order::f) values = reversed(values);
    values =
        values.attr("to")(type, py::arg("copy") = true, py::arg("memory_format") = torch.attr("contiguous_format"));
    return r.order == order::f ? py::object(reversed(values)) : values;
}

/// The accepted dtype for numbers that have dtype `found` in NumPy's reading.
NUMPY_BRIDGE_INLINE std::optional<dtype> dtype_for_values(const requirements& r, dtype found) noexcept {
    if (auto same_kind = best_dtype(r.dtypes, found, true)) return same_kind;
    for (const dtype unsigned_integer : {dtype::uint64, dtype::uint32, dtype::uint16, dtype::uint8})
        if (kind_of(found) == number_range::kind::integer && (r.dtypes & set_of(unsigned_integer)) != 0)
            return unsigned_integer;
    return std::nullopt;
}

/// NumPy would give a number to each field of a struct, and read text as a long double.
NUMPY_BRIDGE_INLINE py::object records_of_values(const py::object& values, const requirements& r) {
    const py::object numpy = engine::import_module("numpy");
    const py::object wanted = record_dtype(r);
    if (wanted.attr("names").is_none()) {
        py::object array = numpy.attr("asarray")(values);
        if (!engine::is_true(numpy.attr("can_cast")(array.attr("dtype"), wanted, "same_kind")))
            throw py::type_error("not numbers of this kind");
        return array.attr("astype")(wanted);
    }
    py::object array = numpy.attr("array")(values, wanted);
    const py::object elements = numpy.attr("array")(values, py::arg("dtype") = "O");
    const bool no_tuples = elements.attr("shape").equal(array.attr("shape"));
    for (const py::handle element : no_tuples ? engine::to_tuple(elements.attr("flat")) : py::tuple())
        if (!py::hasattr(element, "dtype") || !has_same_fields(element.attr("dtype"), wanted))
            throw py::type_error("not tuples of the fields");
    return array;
}

NUMPY_BRIDGE_INLINE py::object array_of_values(PyObject* x, const requirements& r) {
    const py::object numpy = engine::import_module("numpy");
    const auto values = py::reinterpret_borrow<py::object>(x);
    if (r.record) return records_of_values(values, r);
    py::object array = numpy.attr("asarray")(values);
    const auto found = from_numpy_number(static_cast<int>(engine::to_integer(array.attr("dtype").attr("num"))));
    if (!found) throw py::type_error("not numbers");
    if (r.as_bytes) return array;
    const bool none = engine::to_integer(array.attr("size")) == 0; // of no particular dtype
    auto target = dtype_for_values(r, *found);
    if (none && !target) target = first_of(r.dtypes);
    if (!target) throw py::type_error(std::string("numbers of another kind: ") + info(*found).name);
    const py::object type = numpy_library::get().descr_for({*target, byte_order::native});
    const py::object quietly = numpy.attr("errstate")(py::arg("over") = "ignore"); // what overflows is refused below
    py::object result = quietly(array.attr("astype"))(type, py::arg("order") = r.order == order::f ? "F" : "C");
    const bool whole =
        kind_of(*target) == number_range::kind::integer || kind_of(*target) == number_range::kind::natural;
    const auto comparable = [&](const py::object& a) { return whole ? a : py::object(numpy.attr("isfinite")(a)); };
    if (!engine::is_true(numpy.attr("array_equal")(comparable(result), comparable(array))))
        throw py::type_error("numbers out of range");
    return result;
}

NUMPY_BRIDGE_INLINE py::object converted(PyObject* x, const requirements& r) {
    const py::object values = engine::values_of(x);
    return engine::is_tensor(values.ptr()) ? converted_tensor(values, r) : converted_array(values, r);
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
