#include <numpy_bridge/protocols/dlpack.hpp>

#include <limits>
#include <string>
#include <string_view>

#include <numpy_bridge/cpython.hpp>
#include <numpy_bridge/dtype_reasons.hpp>
#include <numpy_bridge/opaque.hpp>
#include <numpy_bridge/protocols/cuda_array_interface.hpp>
#include <numpy_bridge/protocols/keywords.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE void describe_dlpack(const dlpack::tensor& t, bool readonly, imported& out) {
    constexpr const char* protocol = "DLPack";
    validate_ndim(t.ndim, protocol);
    const auto type = from_dlpack(t.dtype);
    if (!type) refuse(protocol, "dtype", "a supported number dtype", name_of(t.dtype), hint_for_dlpack(t.dtype));
    validate_device(t.device, protocol);
    if (t.ndim > 0 && t.shape == nullptr) refuse(protocol, "shape", std::to_string(t.ndim) + " extents", "NULL");
    const auto size = static_cast<std::int64_t>(itemsize(*type));

    std::copy_n(t.shape, t.ndim, out.shape.begin());
    if (t.strides == nullptr) {
        validate_shape(t.ndim, out.shape.data(), size, protocol);
        fill_c_strides(t.ndim, out.shape.data(), size, out.strides.data());
    } else {
        for (int i = 0; i < t.ndim; ++i) {
            const auto bytes = multiply(t.strides[i], size);
            if (!bytes) refuse(protocol, "strides", "byte strides below 2**63", text_of(t.strides, t.ndim));
            out.strides[static_cast<std::size_t>(i)] = *bytes;
        }
    }
    if (t.byte_offset != 0 && has_opaque_handles(t.device))
        refuse(protocol, "byte_offset", "a byte_offset of 0, as memory on " + name_of(t.device) + " is a handle",
               std::to_string(t.byte_offset));
    const auto address = reinterpret_cast<std::uintptr_t>(t.data);
    if (t.data != nullptr && t.byte_offset > (std::numeric_limits<std::uintptr_t>::max)() - address)
        refuse(protocol, "byte_offset", "an offset inside the address space", std::to_string(t.byte_offset));

    out.description = {t.data == nullptr ? nullptr : dlpack::first_element(t),
                       {*type, byte_order::native},
                       t.device,
                       readonly,
                       t.ndim,
                       out.shape.data(),
                       out.strides.data()};
    validate(out.description, protocol);
}

NUMPY_BRIDGE_INLINE void import_managed(dlpack::managed_tensor_versioned* managed, const request& wanted,
                                        imported& out) {
    out.lease = owner(managed, release_dlpack<dlpack::managed_tensor_versioned>);
    if (managed->version.major != dlpack::major_version)
        refuse("DLPack", "version", "DLPack major version 1",
               std::to_string(managed->version.major) + "." + std::to_string(managed->version.minor),
               "versions with another layout cannot be read");
    if ((managed->flags & dlpack::flag_is_copied) != 0 && !wanted.copies)
        refuse("DLPack", "flags", "the producer's own memory", "a copy that the producer made", hint_to_copy);
    if ((managed->flags & dlpack::flag_subbyte_padded) != 0 && managed->tensor.dtype.bits < 8)
        refuse("DLPack", "flags", "packed elements of less than a byte", "padded ones", hint_for_packed);
    describe_dlpack(managed->tensor, (managed->flags & dlpack::flag_read_only) != 0, out);
}

/// Whether the object's own buffer is read-only. Some exporters do not describe their elements, and answer
/// only the simplest request.
NUMPY_BRIDGE_INLINE bool has_readonly_buffer(PyObject* x) {
    if (PyObject_CheckBuffer(x) == 0) return false;
    const py::scoped_critical_section one_at_a_time{py::handle(x)}; // as in buffer.hpp
    Py_buffer view;
    const auto asked = [&](int flags) { return call_or_wait([&] { return PyObject_GetBuffer(x, &view, flags); }); };
    if (asked(PyBUF_FULL_RO) != 0) {
        PyErr_Clear();
        if (asked(PyBUF_SIMPLE) != 0) {
            PyErr_Clear();
            return false;
        }
    }
    const bool readonly = view.readonly != 0;
    PyBuffer_Release(&view);
    return readonly;
}

/// Consumes a capsule: renames it, so that it is consumed only once, and takes ownership of its tensor.
NUMPY_BRIDGE_INLINE void import_capsule(const py::object& capsule, PyObject* producer, const request& wanted,
                                        imported& out) {
    if (!PyCapsule_CheckExact(capsule.ptr()))
        refuse("DLPack", "__dlpack__", "a capsule", "an object of type " + engine::type_name(capsule));
    const char* name = PyCapsule_GetName(capsule.ptr());
    if (name == nullptr) PyErr_Clear();
    const std::string_view seen = name == nullptr ? "NULL" : name;
    const auto take = [&](const char* from, const char* to) {
        void* pointer = PyCapsule_GetPointer(capsule.ptr(), from);
        if (pointer == nullptr || PyCapsule_SetName(capsule.ptr(), to) != 0) throw py::error_already_set();
        return pointer;
    };
    if (seen == dlpack::versioned_capsule_name) {
        void* managed = take(dlpack::versioned_capsule_name, dlpack::used_versioned_capsule_name);
        import_managed(static_cast<dlpack::managed_tensor_versioned*>(managed), wanted, out);
    } else if (seen == dlpack::capsule_name) {
        auto* managed = static_cast<dlpack::managed_tensor*>(take(dlpack::capsule_name, dlpack::used_capsule_name));
        out.lease = owner(managed, release_dlpack<dlpack::managed_tensor>);
        describe_dlpack(managed->tensor, has_readonly_buffer(producer), out);
    } else {
        refuse("DLPack", "capsule name", "a capsule named 'dltensor_versioned' or 'dltensor'", quoted(seen),
               "a capsule can be imported only once; ask its producer for a new one");
    }
}

/// What `x.__dlpack_device__()` has answered. Producers without the method are old, and leave all of it empty.
struct named_device {
    py::object answer;
    std::string error; ///< of the call

    bool is_pair() const { return answer && PyTuple_Check(answer.ptr()) != 0 && PyTuple_Size(answer.ptr()) == 2; }

    bool says(Py_ssize_t i, std::int32_t value) const {
        const py::handle item = PyTuple_GetItem(answer.ptr(), i);
        return PyLong_Check(item.ptr()) != 0 && read_integer("DLPack", "__dlpack_device__", item) == value;
    }

    /// Before the answer is checked: false for numbers that `says` refuses.
    bool is_cuda() const {
        if (!is_pair() || !PyLong_CheckExact(PyTuple_GetItem(answer.ptr(), 0))) return false;
        int overflow = 0;
        const long type = PyLong_AsLongAndOverflow(PyTuple_GetItem(answer.ptr(), 0), &overflow);
        return type == static_cast<long>(device_type::cuda) || type == static_cast<long>(device_type::cuda_managed);
    }
};

NUMPY_BRIDGE_INLINE named_device device_named_by(PyObject* x) {
    const py::object method = protocol_attribute(x, "__dlpack_device__");
    if (!method || method.is_none()) return {};
    try {
        return {called(method, py::tuple()), {}};
    } catch (py::error_already_set& error) {
        return {{}, text_of_error(error)};
    }
}

/// Refuses a capsule of another device than the producer named: consumers choose streams and copies by that answer.
/// The index of the CPU means nothing.
NUMPY_BRIDGE_INLINE void check_named_device(const named_device& named, device where) {
    constexpr const char* field = "__dlpack_device__";
    if (!named.error.empty()) refuse("DLPack", field, "the device of the capsule, " + name_of(where), named.error);
    if (!named.answer) return;
    if (named.is_pair() && named.says(0, static_cast<std::int32_t>(where.type)) &&
        (where.type == device_type::cpu || named.says(1, where.index)))
        return;
    refuse("DLPack", field,
           "the device of the capsule, (" + std::to_string(static_cast<std::int32_t>(where.type)) + ", " +
               std::to_string(where.index) + ")",
           shown(named.answer));
}

/// Calls `x.__dlpack__` with the keywords that it accepts, and imports the capsule. An empty `stream` is not passed.
/// False if `x` does not accept the keyword `copy`.
NUMPY_BRIDGE_INLINE bool ask_dlpack(const py::object& method, PyObject* x, const py::object& stream,
                                    const request& wanted, imported& out) {
    const keyword version{"max_version", py::make_tuple(dlpack::major_version, dlpack::minor_version)};
    const keyword copy{"copy", wanted.copies ? py::object(py::none()) : py::object(py::bool_(false))};
    constexpr unsigned bit_of_copy = 2;
    accepted_call answer{};
    try {
        answer = stream ? call_with_accepted(method, {version, copy, {"stream", stream}})
                        : call_with_accepted(method, {version, copy});
    } catch (py::error_already_set& error) {
        refuse("DLPack", "__dlpack__", "a capsule", text_of_error(error), wanted.copies ? "" : hint_to_copy);
    }
    import_capsule(answer.result, x, wanted, out);
    return (answer.accepted & bit_of_copy) != 0;
}

/// Imports the capsule that `method`, which is `x.__dlpack__`, makes for a consumer on `stream`, which may be empty.
NUMPY_BRIDGE_INLINE void import_for_stream(const py::object& method, PyObject* x, const named_device& named,
                                           const py::object& stream, const request& wanted, imported& out) {
    const bool knows_copy = ask_dlpack(method, x, stream, wanted, out);
    if (!knows_copy && !wanted.copies) {
        imported again;
        ask_dlpack(method, x, stream, wanted, again);
        if (!same_memory(out.description, again.description)) refuse_copy("DLPack");
    }
    check_named_device(named, out.description.device);
}

NUMPY_BRIDGE_INLINE std::uintptr_t work_stream(const dlpack::exchange_api& api, device where) {
    if (!is_cuda(where) || api.current_work_stream == nullptr) return 0;
    void* stream = nullptr;
    if (api.current_work_stream(where.type, where.index, &stream) != 0)
        refuse("DLPack", "stream", "the producer's current stream", text_of_pending_error());
    return stream == nullptr ? legacy_default_stream : reinterpret_cast<std::uintptr_t>(stream);
}

NUMPY_BRIDGE_INLINE std::uintptr_t stream_of_table(PyObject* owner, device where) {
    const auto* api = find_exchange_api(reinterpret_cast<PyObject*>(Py_TYPE(owner)));
    return api == nullptr ? 0 : work_stream(*api, where);
}

/// Sets the stream of memory that was imported through the table of `x`. A table that answers with the legacy default
/// stream may not know better: then `x.__cuda_array_interface__` may name another one.
NUMPY_BRIDGE_INLINE void use_work_stream(const dlpack::exchange_api& api, PyObject* x, imported& out) {
    out.stream = work_stream(api, out.description.device);
    if (out.stream > legacy_default_stream) {
        out.owners_stream = stream_of_table;
    } else if (out.stream == legacy_default_stream) {
        const std::uintptr_t named = stream_named_by(x);
        if (named == 0) return;
        out.stream = named;
        out.owners_stream = stream_of_interface;
    }
}

NUMPY_BRIDGE_INLINE PyObject* name_of_exchange_capsule() {
    static interned_name storage{nullptr};
    return interned(storage, "__dlpack_c_exchange_api__");
}

/// `type.__dlpack_c_exchange_api__`, or nothing. Nearly every call with an array asks for it, so it is looked
/// up in the type's own cache if that gives the same result as reading the attribute.
NUMPY_BRIDGE_INLINE py::object exchange_capsule(PyObject* type) {
    PyObject* name = name_of_exchange_capsule();
#ifndef Py_GIL_DISABLED // otherwise another thread may drop the reference
    PyObject* found = look_up(reinterpret_cast<PyTypeObject*>(type), name);
    if (found != nullptr && PyCapsule_CheckExact(found)) return py::reinterpret_borrow<py::object>(found);
    if (found == nullptr && Py_IS_TYPE(type, &PyType_Type)) return {}; // no metaclass that could provide it
#endif
    return optional_attribute(type, name);
}

} // namespace engine

namespace engine {

/// The table in a capsule, which may be null.
NUMPY_BRIDGE_INLINE const dlpack::exchange_api* table_in(PyObject* capsule) noexcept {
    if (capsule == nullptr || !PyCapsule_IsValid(capsule, dlpack::exchange_capsule_name)) return nullptr;
    const auto* header =
        static_cast<const dlpack::exchange_header*>(PyCapsule_GetPointer(capsule, dlpack::exchange_capsule_name));
    for (int tables = 0; header != nullptr && header->version.major != dlpack::major_version; ++tables)
        header = tables < 16 ? header->previous : nullptr; // the list may be circular
    return reinterpret_cast<const dlpack::exchange_api*>(header);
}

NUMPY_BRIDGE_INLINE const dlpack::exchange_api* peek_exchange_api(PyTypeObject* type) {
#ifdef Py_GIL_DISABLED // another thread may drop the reference
    static_cast<void>(type);
    return nullptr;
#else
    return table_in(look_up(type, name_of_exchange_capsule()));
#endif
}

} // namespace engine

NUMPY_BRIDGE_INLINE const dlpack::exchange_api* find_exchange_api(PyObject* type) {
    return engine::table_in(engine::exchange_capsule(type).ptr());
}

namespace engine {

NUMPY_BRIDGE_INLINE bool is_at(const dlpack::tensor& now, const memory& was) noexcept {
    return now.ndim == was.ndim && dlpack::first_element(now) == was.data &&
           std::equal(was.shape, was.shape + was.ndim, now.shape);
}

NUMPY_BRIDGE_INLINE bool is_unmoved_for_producer(const witness& seen, const memory& was) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): `read_through` made it of a pointer
    const auto* api = reinterpret_cast<const dlpack::exchange_api*>(seen.marks[0]);
    dlpack::tensor now{};
    if (api->tensor_from_object(seen.object, &now) != 0) raise_pending_error();
    return is_at(now, was);
}

NUMPY_BRIDGE_INLINE bool read_through(const dlpack::exchange_api& api, PyObject* x, imported& out) {
    if (api.tensor_from_object == nullptr) return false;
    dlpack::tensor tensor{};
    if (api.tensor_from_object(x, &tensor) != 0) {
        PyErr_Clear();
        return false;
    }
    describe_dlpack(tensor, false, out);
    use_work_stream(api, x, out);
    out.seen = {x, is_unmoved_for_producer, {reinterpret_cast<std::uintptr_t>(&api), 0}};
    return true;
}

} // namespace engine

NUMPY_BRIDGE_INLINE bool import_exchange_api(PyObject* x, const engine::request& wanted, imported& out) {
    const auto* api = find_exchange_api(reinterpret_cast<PyObject*>(Py_TYPE(x)));
    if (api == nullptr) return false;
    if (wanted.held == engine::hold::nothing && engine::read_through(*api, x, out)) return true;
    if (api->managed_tensor_from_object == nullptr) return false;
    dlpack::managed_tensor_versioned* managed = nullptr;
    if (api->managed_tensor_from_object(x, &managed) != 0 || managed == nullptr)
        engine::refuse("DLPack", "exchange API", "a tensor", engine::text_of_pending_error());
    engine::import_managed(managed, wanted, out);
    engine::use_work_stream(*api, x, out);
    return true;
}

NUMPY_BRIDGE_INLINE bool import_dlpack(PyObject* x, const engine::request& wanted, imported& out) {
    const py::object method = engine::protocol_attribute(x, "__dlpack__");
    if (!method) return false;
    const engine::named_device named = engine::device_named_by(x);
    const bool elsewhere = named.answer && !named.is_cuda();
    const std::uintptr_t own = elsewhere ? 0 : engine::stream_named_by(x);
    const std::uintptr_t used = own != 0 ? own : engine::legacy_default_stream;
    const bool tells = own != 0 || named.is_cuda();
    engine::import_for_stream(method, x, named, tells ? py::object(py::int_(used)) : py::object(), wanted, out);
    if (!is_cuda(out.description.device)) return true;
    out.stream = used;
    if (own != 0) out.owners_stream = engine::stream_of_interface;
    return true;
}

NUMPY_BRIDGE_INLINE bool import_dlpack_unordered(PyObject* x, const engine::request& wanted, imported& out) {
    const py::object method = engine::protocol_attribute(x, "__dlpack__");
    if (method) engine::import_for_stream(method, x, engine::device_named_by(x), py::int_(-1), wanted, out);
    return static_cast<bool>(method);
}

namespace engine {

NUMPY_BRIDGE_INLINE void fill_element_strides(const memory& m, std::int64_t* strides) {
    const unsigned exponent = itemsize_exponent(m.type.id);
    for (int i = 0; i < m.ndim; ++i) {
        const std::int64_t stride = m.strides[i] >> exponent;
        strides[i] = m.strides[i] >= 0 && stride << exponent == m.strides[i] ? stride : 1;
    }
}

NUMPY_BRIDGE_INLINE void validate_for_dlpack(const memory& m, const char* consumer) {
    if (m.type.id == dtype::opaque)
        refuse(consumer, "dtype", "a dtype that DLPack has", name_of(m), hint_for_opaque(m));
    if (m.type.order != byte_order::native)
        refuse(consumer, "byte order", "the machine's own byte order", name_of(m.type),
               "pass copy=True for a copy in native byte order");
    const std::int64_t used = used_strides(layout_of(m));
    const bool odd = (used & (itemsize(m) - 1)) != 0;
    const bool misaligned =
        (reinterpret_cast<std::uintptr_t>(m.data) & static_cast<std::uintptr_t>(itemsize(m) - 1)) != 0;
    if ((used >= 0 && !odd && !misaligned) || is_empty(m)) return;
    const std::string got = text_of(m.strides, m.ndim) + " bytes";
    if (used < 0)
        refuse(consumer, "strides", "strides of 0 or more", got,
               "pass copy=True, or share the unreversed array and flip it in the other library");
    if (misaligned)
        refuse(consumer, "alignment", "an address that is a multiple of the itemsize " + std::to_string(itemsize(m)),
               "address " + std::to_string(reinterpret_cast<std::uintptr_t>(m.data)),
               "pass copy=True, as torch crashes on some of these");
    refuse(consumer, "strides", "strides that are multiples of the itemsize " + std::to_string(itemsize(m)), got,
           "pass copy=True, or use strides that are multiples of the itemsize");
}

} // namespace engine

NUMPY_BRIDGE_INLINE dlpack::managed_tensor_versioned* export_versioned(const memory& m, anchor keep) {
    auto* managed = engine::dlpack_block<dlpack::managed_tensor_versioned>::create(m, std::move(keep));
    managed->version = {dlpack::major_version, dlpack::minor_version};
    managed->flags = m.readonly ? dlpack::flag_read_only : 0;
    return managed;
}

/// The unversioned form. It has no read-only flag: the caller must have refused such memory.
NUMPY_BRIDGE_INLINE dlpack::managed_tensor* export_unversioned(const memory& m, anchor keep) {
    return engine::dlpack_block<dlpack::managed_tensor>::create(m, std::move(keep));
}

NUMPY_BRIDGE_INLINE py::object export_versioned_capsule(const memory& m, anchor keep, std::uint64_t extra_flags) {
    auto* managed = export_versioned(m, std::move(keep));
    managed->flags |= extra_flags;
    return engine::make_capsule(managed);
}

NUMPY_BRIDGE_INLINE py::object export_unversioned_capsule(const memory& m, anchor keep) {
    return engine::make_capsule(export_unversioned(m, std::move(keep)));
}

NUMPY_BRIDGE_NAMESPACE_END
