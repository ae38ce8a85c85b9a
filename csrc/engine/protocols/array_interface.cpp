#include <numpy_bridge/protocols/array_interface.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <numpy_bridge/dtype_reasons.hpp>
#include <numpy_bridge/opaque.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE py::object optional_entry(const py::dict& fields, const char* key) {
    py::object value = dict_entry(fields.ptr(), key);
    return value && value.is_none() ? py::object() : value;
}

NUMPY_BRIDGE_INLINE py::object required_entry(const char* protocol, const py::dict& fields, const char* key,
                                              const char* expected) {
    if (py::object value = optional_entry(fields, key)) return value;
    refuse(protocol, key, expected, "nothing", "the array interface requires this entry");
}

/// Reads a tuple of integers into `out`, and returns how many there are.
NUMPY_BRIDGE_INLINE int read_integers(const char* protocol, const char* field, py::handle values, dims& out) {
    if (!PyTuple_Check(values.ptr())) refuse(protocol, field, "a tuple of integers", shown(values));
    const Py_ssize_t count = PyTuple_Size(values.ptr());
    validate_ndim(count, protocol);
    for (Py_ssize_t i = 0; i < count; ++i)
        out[static_cast<std::size_t>(i)] = read_integer(protocol, field, PyTuple_GetItem(values.ptr(), i));
    return static_cast<int>(count);
}

NUMPY_BRIDGE_INLINE const char* hint_for_typestr(const char* protocol, char kind) noexcept {
    return hint_for_described(kind, std::string_view(protocol) != "__cuda_array_interface__");
}

NUMPY_BRIDGE_INLINE element_type read_typestr(const char* protocol, const char* field, py::handle value) {
    const bool text = PyUnicode_Check(value.ptr()) != 0 || PyBytes_Check(value.ptr()) != 0;
    if (!text) refuse(protocol, field, "a type such as '<f4'", shown(value));
    const std::string typestr = PyBytes_Check(value.ptr()) != 0 ? text_in(value) : to_text(value);
    if (const auto type = from_typestr(typestr)) return *type;
    const bool prefixed = !typestr.empty() && order_of_prefix(typestr.front()).has_value();
    const std::size_t kind = prefixed ? 1 : 0;
    refuse(protocol, field, "a plain number per element, such as '<f4'", shown(value),
           kind < typestr.size() ? hint_for_typestr(protocol, typestr[kind]) : "");
}

/// `descr` describes structured elements. For plain numbers it must agree with `typestr`.
NUMPY_BRIDGE_INLINE void check_descr(const char* protocol, py::handle descr, element_type type) {
    constexpr const char* expected = "a list of one field with the type of typestr";
    if (!PyList_Check(descr.ptr()) || PyList_Size(descr.ptr()) != 1)
        refuse(protocol, "descr", expected, shown(descr), hint_for_typestr(protocol, 'V'));
    const py::object field = stolen(PySequence_GetItem(descr.ptr(), 0));
    if (!PyTuple_Check(field.ptr()) || PyTuple_Size(field.ptr()) != 2)
        refuse(protocol, "descr", expected, shown(descr), hint_for_typestr(protocol, 'V'));
    const element_type seen = read_typestr(protocol, "descr", PyTuple_GetItem(field.ptr(), 1));
    if (seen.id != type.id || seen.order != type.order)
        refuse(protocol, "descr", "the type of typestr, " + name_of(type), name_of(seen));
}

/// Whether `descr` says no more than a typestr: a list of one field without a name.
NUMPY_BRIDGE_INLINE bool is_nameless(const py::object& descr) {
    if (PyList_Size(descr.ptr()) != 1) return false;
    const py::object field = stolen(PySequence_GetItem(descr.ptr(), 0));
    return PyTuple_Check(field.ptr()) != 0 && PyTuple_Size(field.ptr()) == 2 &&
           py::handle(PyTuple_GetItem(field.ptr(), 0)).equal(py::str(""));
}

/// The dtype of elements that are no plain numbers, by `descr` where it lists fields. Empty if there are none, or if
/// their size is not that of `typestr`.
NUMPY_BRIDGE_INLINE py::object described_dtype(const py::object& typestr, const py::object& descr) {
    if (PyUnicode_Check(typestr.ptr()) == 0 || from_typestr(to_text(typestr))) return {};
    py::object whole = opaque_dtype(typestr);
    if (!whole || !descr || PyList_Check(descr.ptr()) == 0 || is_nameless(descr)) return whole;
    py::object fields = opaque_dtype(descr);
    return fields && fields.attr("itemsize").equal(whole.attr("itemsize")) ? fields : py::object();
}

NUMPY_BRIDGE_INLINE void read_elements(const char* protocol, const py::dict& fields, const request& wanted,
                                       imported& out) {
    const py::object typestr = required_entry(protocol, fields, "typestr", "a type such as '<f4'");
    const py::object descr = optional_entry(fields, "descr");
    if (wanted.opaque)
        if (py::object dtype = described_dtype(typestr, descr)) return set_opaque(std::move(dtype), out);
    out.description.type = read_typestr(protocol, "typestr", typestr);
    if (descr) check_descr(protocol, descr, out.description.type);
}

NUMPY_BRIDGE_INLINE void read_interface(const char* protocol, const py::dict& fields, std::int64_t oldest,
                                        const request& wanted, imported& out) {
    const std::int64_t version =
        read_integer(protocol, "version", required_entry(protocol, fields, "version", "version 3"));
    if (version < oldest || version > 3)
        refuse(protocol, "version", oldest == 3 ? "version 3" : "version 2 or 3", std::to_string(version));
    if (optional_entry(fields, "mask"))
        refuse(protocol, "mask", "memory without a mask", "a mask", "share the data and the mask one by one");
    memory& m = out.description;
    read_elements(protocol, fields, wanted, out);
    m.ndim =
        read_integers(protocol, "shape", required_entry(protocol, fields, "shape", "a tuple of integers"), out.shape);
    validate_shape(m.ndim, out.shape.data(), itemsize(m), protocol);
    if (const py::object strides = optional_entry(fields, "strides")) {
        const int count = read_integers(protocol, "strides", strides, out.strides);
        if (count != m.ndim)
            refuse(protocol, "strides", std::to_string(m.ndim) + " byte strides", std::to_string(count));
    } else {
        fill_c_strides(m.ndim, out.shape.data(), itemsize(m), out.strides.data());
    }
    m.shape = out.shape.data();
    m.strides = out.strides.data();
}

NUMPY_BRIDGE_INLINE void read_pointer(const char* protocol, py::handle data, imported& out) {
    if (PyTuple_Size(data.ptr()) != 2) refuse(protocol, "data", "a pointer and a read-only flag", shown(data));
    const py::handle pointer = PyTuple_GetItem(data.ptr(), 0), readonly = PyTuple_GetItem(data.ptr(), 1);
    if (!PyLong_Check(readonly.ptr())) refuse(protocol, "data", "a bool as read-only flag", shown(readonly));
    if (!PyLong_Check(pointer.ptr()) || PyBool_Check(pointer.ptr()))
        refuse(protocol, "data", "an integer as pointer", shown(pointer));
    const std::size_t address = PyLong_AsSize_t(pointer.ptr());
    if (PyErr_Occurred() != nullptr) {
        PyErr_Clear();
        refuse(protocol, "data", "an address that fits this machine", shown(pointer));
    }
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the protocol's addresses are integers
    out.description.data = reinterpret_cast<std::byte*>(address);
    out.description.readonly = PyObject_IsTrue(readonly.ptr()) != 0;
    validate(out.description, protocol);
}

/// Reads `data` as an object with a buffer, and checks that all elements lie inside it.
NUMPY_BRIDGE_INLINE void read_buffer(const char* protocol, py::handle data, std::int64_t offset, imported& out) {
    memory& m = out.description;
    out.lease = hold_buffer(data.ptr(), PyBUF_SIMPLE);
    if (!out.lease) refuse(protocol, "data", "a pointer or a buffer", text_of_pending_error());
    const auto& buffer = *static_cast<const Py_buffer*>(out.lease.context());
    m.data = static_cast<std::byte*>(buffer.buf);
    m.readonly = buffer.readonly != 0;
    validate(m, protocol);
    const byte_bounds bounds = bounds_of(layout_of(m)).value_or(byte_bounds{});
    if (offset < -bounds.low || offset > buffer.len || bounds.high > buffer.len - offset)
        refuse(protocol, "data",
               "room for shape " + text_of(m.shape, m.ndim) + ", strides " + text_of(m.strides, m.ndim) +
                   " from byte " + std::to_string(offset),
               std::to_string(buffer.len) + " bytes");
    if (m.data == nullptr || offset == 0) return;
    m.data += offset;
    validate(m, protocol); // the length of the buffer may be a lie
}

/// Describes the memory from one value of `x.__array_interface__`.
NUMPY_BRIDGE_INLINE void describe_array_interface(PyObject* x, const py::object& answer, const request& wanted,
                                                  imported& out) {
    constexpr const char* protocol = "__array_interface__";
    if (!PyDict_Check(answer.ptr())) refuse(protocol, "attribute", "a dictionary", shown(answer));
    const auto fields = py::reinterpret_borrow<py::dict>(answer);
    read_interface(protocol, fields, 3, wanted, out);
    out.description.device = cpu_device;
    const py::object data = optional_entry(fields, "data"), place = optional_entry(fields, "offset");
    const std::int64_t offset = place ? read_integer(protocol, "offset", place) : 0;
    if (!data || !PyTuple_Check(data.ptr()))
        return read_buffer(protocol, data ? py::handle(data) : py::handle(x), offset, out);
    if (offset != 0)
        refuse(protocol, "offset", "no offset beside a pointer", std::to_string(offset),
               "it counts from a buffer's start");
    read_pointer(protocol, data, out);
}

/// Describes the memory from one value of `x.__array_struct__`, and holds it.
NUMPY_BRIDGE_INLINE void describe_array_struct(PyObject*, const py::object& answer, const request&, imported& out) {
    constexpr const char* protocol = "__array_struct__";
    if (PyCapsule_IsValid(answer.ptr(), nullptr) == 0) refuse(protocol, "attribute", "a capsule", shown(answer));
    const auto& seen = *static_cast<const numpy_abi::array_struct*>(PyCapsule_GetPointer(answer.ptr(), nullptr));
    out.pin = answer;
    if (seen.two != 2)
        refuse(protocol, "two", "2 in the first field", std::to_string(seen.two), "the capsule holds something else");
    validate_ndim(seen.ndim, protocol);
    const auto type = from_kind(seen.kind, seen.itemsize < 0 ? 0 : static_cast<std::size_t>(seen.itemsize));
    if (!type)
        refuse(protocol, "typekind", "a number",
               std::to_string(seen.itemsize) + " bytes of kind " +
                   (seen.kind > ' ' && seen.kind < 127 ? std::string(1, seen.kind) : std::to_string(seen.kind)),
               hint_for_typestr(protocol, seen.kind));
    if (seen.ndim > 0 && seen.shape == nullptr)
        refuse(protocol, "shape", std::to_string(seen.ndim) + " extents", "NULL");
    std::copy_n(seen.shape, seen.ndim, out.shape.begin());
    if (seen.strides != nullptr) std::copy_n(seen.strides, seen.ndim, out.strides.begin());
    const bool native = (seen.flags & numpy_abi::flag_not_swapped) != 0;
    out.description = host_memory(seen.data, in_order(*type, native ? byte_order::native : byte_order::swapped),
                                  (seen.flags & numpy_abi::flag_struct_writeable) == 0, seen.ndim, out.shape.data(),
                                  out.strides.data());
    validate_shape(seen.ndim, out.shape.data(), seen.itemsize, protocol);
    if (seen.strides == nullptr) fill_c_strides(seen.ndim, out.shape.data(), seen.itemsize, out.strides.data());
    validate(out.description, protocol);
    if ((seen.flags & numpy_abi::flag_has_descr) != 0 && seen.descr != nullptr)
        check_descr(protocol, seen.descr, out.description.type);
}

using describe_answer = void (*)(PyObject* x, const py::object& answer, const request& wanted, imported& out);

/// Reads an attribute twice, holding the first value: Pillow, for example, returns new memory each time.
NUMPY_BRIDGE_INLINE bool import_attribute(PyObject* x, const char* name, describe_answer describe,
                                          const request& wanted, imported& out) {
    const py::object first = protocol_attribute(x, name);
    if (!first) return false;
    describe(x, first, wanted, out);
    const py::object second = protocol_attribute(x, name);
    if (!second) refuse(name, "attribute", "the same attribute at each request", "nothing at the second");
    imported again;
    describe(x, second, wanted, again);
    if (same_memory(out.description, again.description)) return true;
    if (!out.lease && !out.pin)
        refuse(name, "data", "the same address at each request", "another one",
               "neither is kept alive; make an array of it first: numpy.array(x)");
    if (!wanted.copies) refuse_copy(name);
    return true;
}

} // namespace engine

NUMPY_BRIDGE_INLINE bool import_array_interface(PyObject* x, const engine::request& wanted, imported& out) {
    return engine::import_attribute(x, "__array_interface__", engine::describe_array_interface, wanted, out);
}

NUMPY_BRIDGE_INLINE bool import_array_struct(PyObject* x, const engine::request& wanted, imported& out) {
    return engine::import_attribute(x, "__array_struct__", engine::describe_array_struct, wanted, out);
}

namespace engine {

NUMPY_BRIDGE_INLINE py::tuple tuple_of(const std::int64_t* values, int count) {
    py::object result = stolen(PyTuple_New(count));
    for (int i = 0; i < count; ++i)
        PyTuple_SetItem(result.ptr(), i, stolen(PyLong_FromLongLong(values[i])).release().ptr());
    return py::reinterpret_steal<py::tuple>(result.release());
}

NUMPY_BRIDGE_INLINE py::dict export_interface(const memory& m) {
    // CUDA wants 0 for memory without elements, and NumPy before 2.0 refuses it.
    alignas(64) static constexpr std::byte nothing{};
    const std::byte* data = is_empty(m) ? (is_cuda(m.device) ? nullptr : &nothing) : m.data;
    py::dict fields;
    const py::str typestr(typestr_of(m.type).value_or("").c_str());
    py::list descr;
    descr.append(py::make_tuple("", typestr));
    const bool packed = is_c_contiguous(layout_of(m));
    fields["version"] = 3;
    fields["typestr"] = typestr;
    fields["descr"] = descr;
    fields["shape"] = tuple_of(m.shape, m.ndim);
    fields["strides"] = packed ? py::object(py::none()) : py::object(tuple_of(m.strides, m.ndim));
    fields["data"] = py::make_tuple(reinterpret_cast<std::uintptr_t>(data), m.readonly);
    return fields;
}

} // namespace engine

NUMPY_BRIDGE_INLINE py::object export_array_struct(const memory& m, anchor keep) {
    struct block {
        numpy_abi::array_struct interface;
        anchor keep;
    };
    const layout extents = layout_of(m);
    int flags = is_c_contiguous(extents) ? numpy_abi::flag_c_contiguous : 0;
    if (is_f_contiguous(extents)) flags |= numpy_abi::flag_f_contiguous;
    if (is_aligned(m, info(m.type.id).alignment)) flags |= numpy_abi::flag_aligned;
    if (m.type.order == byte_order::native) flags |= numpy_abi::flag_not_swapped;
    if (!m.readonly) flags |= numpy_abi::flag_struct_writeable;
    auto* exported =
        new block{{2, m.ndim, info(m.type.id).kind, static_cast<int>(itemsize(m)), flags,
                   const_cast<Py_ssize_t*>(reinterpret_cast<const Py_ssize_t*>(m.shape)),
                   const_cast<Py_ssize_t*>(reinterpret_cast<const Py_ssize_t*>(m.strides)), m.data, nullptr},
                  std::move(keep)};
    const auto release = [](PyObject* capsule) { delete static_cast<block*>(PyCapsule_GetPointer(capsule, nullptr)); };
    PyObject* capsule = PyCapsule_New(exported, nullptr, release);
    if (capsule == nullptr) delete exported;
    return engine::stolen(capsule);
}

NUMPY_BRIDGE_NAMESPACE_END
