#include <numpy_bridge/libraries/torch_tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <numpy_bridge/cpython.hpp>
#include <numpy_bridge/dtype_reasons.hpp>
#include <numpy_bridge/libraries/view.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// A property of a tensor that prevents sharing, and a hint.
struct tensor_obstacle {
    const char* attribute; ///< a boolean property or method without arguments
    const char* expected;
    const char* hint;
};

inline constexpr tensor_obstacle tensor_obstacles[] = {
    {"is_meta", "a tensor with memory",
     "a meta tensor has a shape but no values; make a real, uninitialised one: torch.empty_like(t, device='cpu')"},
    {"is_sparse", "a strided tensor",
     "share its parts, t.coalesce().indices() and t.coalesce().values(), "
     "or make a dense copy: t.to_dense()"},
    {"is_sparse_csr", "a strided tensor",
     "share its parts, t.values() and its indices, or make a dense copy: t.to_dense()"},
    {"is_mkldnn", "a strided tensor", "make a dense copy: t.to_dense()"},
    {"is_nested", "a strided tensor", "share its components one by one: t.unbind()"},
    {"is_quantized", "a tensor of plain numbers",
     "share the stored integers, t.int_repr(), or make a float copy: t.dequantize()"},
    {"requires_grad", "a tensor that does not require grad",
     "writes through an alias are invisible to autograd; share t.detach() if that is fine"},
    {"is_neg", "a tensor without the negative bit",
     "its memory holds the negated values; make a copy: t.resolve_neg()"},
    {"is_conj", "a tensor without the conjugate bit",
     "its memory holds the conjugated values; make a copy: t.resolve_conj()"},
};

NUMPY_BRIDGE_INLINE bool tensor_flag(py::handle tensor, const char* name) {
    try {
        const py::object value = tensor.attr(name);
        return (PyCallable_Check(value.ptr()) != 0 ? value() : value).ptr() == Py_True;
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises errors that are not about the tensor
        return false;         // kinds of tensors without this attribute
    }
}

[[noreturn]] NUMPY_BRIDGE_INLINE void refuse_obstacle(const tensor_obstacle& why) {
    refuse("torch", why.attribute, why.expected, std::string(why.attribute) + " = True", why.hint);
}

[[noreturn]] NUMPY_BRIDGE_INLINE void refuse_obstacle(std::string_view attribute) {
    for (const tensor_obstacle& why : tensor_obstacles)
        if (attribute == why.attribute) refuse_obstacle(why);
    throw std::invalid_argument("no such obstacle");
}

/// A parameter or buffer of one of torch's lazy modules: empty, until the module's first use gives it a shape.
NUMPY_BRIDGE_INLINE bool is_uninitialised(py::handle tensor) { return type_has(tensor.ptr(), "cls_to_become"); }

[[noreturn]] NUMPY_BRIDGE_INLINE void refuse_uninitialised(py::handle tensor) {
    refuse("torch", "type", "a tensor with a shape", "a " + engine::type_name(tensor),
           "call its module once, which gives it a shape and memory");
}

NUMPY_BRIDGE_INLINE void refuse_tensor(py::handle tensor, const std::string& otherwise) {
    if (is_uninitialised(tensor)) refuse_uninitialised(tensor);
    const auto layout = to_text(py::getattr(tensor, "layout", py::str("unknown")));
    if (layout == "torch.jagged")
        refuse("torch", "is_nested", "a strided tensor", "is_nested = True",
               "share its parts: t.values() and t.offsets()");
    for (const tensor_obstacle& why : tensor_obstacles)
        if (tensor_flag(tensor, why.attribute)) refuse_obstacle(why);
    if (layout != "torch.strided")
        refuse("torch", "layout", "torch.strided", layout, "make a dense copy: t.to_dense()");
    const std::string dtype = to_text(py::getattr(tensor, "dtype", py::str(""))),
                      name = dtype.substr(dtype.find('.') + 1);
    if (!from_name(name) && hint_for_name(name)[0] != 0)
        refuse("torch", "dtype", "a supported number dtype", dtype, hint_for_tensor(name));
    refuse("torch", "memory", "a strided tensor of numbers with memory of its own",
           engine::type_name(tensor) + ": " + otherwise,
           from_name(name) ? "share the tensor itself, not the wrapper that vmap or grad made of it"
                           : "share the bytes of this dtype: t.view(torch.uint8)");
}

[[noreturn]] NUMPY_BRIDGE_INLINE void refuse_tensor_without_memory(py::handle tensor, int ndim,
                                                                   const std::int64_t* shape) {
    refuse("torch", "data", "a pointer to memory",
           "NULL for a " + engine::type_name(tensor) + " of shape " + text_of(shape, ndim),
           "fake, functional, wrapped and emptied tensors have a shape but no memory; share the real tensor");
}

[[noreturn]] NUMPY_BRIDGE_INLINE void refuse_storage(int ndim, const std::int64_t* shape, std::int64_t size) {
    refuse("torch", "storage", "a storage with room for shape " + text_of(shape, ndim), std::to_string(size) + " bytes",
           "a resize_ that failed has left a wrong shape on this tensor; make a new one");
}

NUMPY_BRIDGE_INLINE dlpack::tensor read_tensor(const torch_library& torch, PyObject* x) {
    dlpack::tensor seen{};
    if (torch.exchange_api()->tensor_from_object(x, &seen) != 0) refuse_tensor(x, text_of_pending_error());
    const layout extents{seen.ndim, seen.shape, nullptr, 1};
    if (seen.data == nullptr && element_count(extents) != 0) refuse_tensor_without_memory(x, seen.ndim, seen.shape);
    return seen;
}

NUMPY_BRIDGE_INLINE void check_inside_storage(const torch_library& torch, PyObject* x, const memory& m) {
    if (torch.layout.known() && lies_inside(m, torch.layout.storage_of(x))) return;
    const py::object storage = torch.untyped_storage(x), address = torch.data_ptr(storage.ptr());
    const auto* start = static_cast<const std::byte*>(PyLong_AsVoidPtr(address.ptr()));
    const Py_ssize_t size = PyObject_Size(storage.ptr());
    if (!lies_inside(m, {start, size})) refuse_storage(m.ndim, m.shape, size);
}

NUMPY_BRIDGE_INLINE void check_tensor(const torch_library& torch, PyObject* x, const memory& m, bool writes) {
    if (m.ndim == 1 && m.shape[0] == 0 && is_uninitialised(x)) refuse_uninitialised(x);
    check_inside_storage(torch, x, m);
    if (!torch.is_ordinary(x)) {
        if (torch.is_neg.is_true(x)) refuse_obstacle("is_neg");
        if (torch.is_conj.is_true(x)) refuse_obstacle("is_conj");
        torch.note_ordinary(x);
    }
    if (writes && torch.tracks_grad(x)) refuse_obstacle("requires_grad");
    if (!torch.has_whole_bytes(x, info(m.type.id).dlpack)) refuse_tensor(x, "elements of less than a byte");
}

NUMPY_BRIDGE_INLINE bool is_tensor_unmoved(const witness& seen, const memory& was) {
    const torch_library& torch = *torch_library::known();
    if (torch.layout.known()) {
        const storage_extent now = torch.layout.storage_of(seen.object);
        return reinterpret_cast<std::uintptr_t>(now.data) == seen.marks[0] &&
               static_cast<std::uintptr_t>(now.size) == seen.marks[1];
    }
    try {
        return is_at(read_tensor(torch, seen.object), was);
    } catch (const sharing_error&) { // it has no memory any more
        return false;
    }
}

NUMPY_BRIDGE_INLINE std::uintptr_t stream_of_torch(PyObject*, device where) {
    return torch_library::known()->current_stream(where);
}

/// torch frees memory in the order of the stream that is current for its owner.
NUMPY_BRIDGE_INLINE void use_current_stream(const torch_library& torch, imported& out) {
    if (!is_cuda(out.description.device)) return;
    out.stream = torch.current_stream(out.description.device);
    out.owners_stream = stream_of_torch;
}

NUMPY_BRIDGE_INLINE void describe_tensor(const torch_library& torch, PyObject* x, const request& wanted,
                                         imported& out) {
    describe_dlpack(read_tensor(torch, x), false, out);
    if (wanted.checked && wanted.used != use::addresses)
        check_tensor(torch, x, out.description, wanted.used == use::writing);
    use_current_stream(torch, out);
}

NUMPY_BRIDGE_INLINE py::object pinned_storage(const torch_library& torch, PyObject* x) {
    py::object storage = torch.untyped_storage(x);
    if (!host_accessible(read_tensor(torch, x).device) || !torch.resizable.is_true(storage.ptr())) return storage;
    torch.pin_storage(storage);
    storage = torch.untyped_storage(x); // pinning ran Python
    if (torch.resizable.is_true(storage.ptr()))
        refuse("torch", "storage", "a storage that can be pinned", "a storage that stays resizable");
    return storage;
}

/// Refuses a tensor whose storage has no room for it. Only for torch versions without the exchange API: some export it
/// all the same, and copying it crashes.
NUMPY_BRIDGE_INLINE void require_room(const torch_library& torch, PyObject* x) {
    const py::handle tensor(x);
    if (!tensor_flag(tensor, "is_cpu") || to_text(tensor.attr("layout")) != "torch.strided") return;
    const py::tuple extents = to_tuple(tensor.attr("shape")), steps = to_tuple(tensor.attr("stride")());
    std::vector<std::int64_t> shape, strides;
    for (const py::handle each : extents) shape.push_back(to_integer(each));
    for (const py::handle each : steps) strides.push_back(to_integer(each));
    const auto ndim = static_cast<int>(shape.size());
    const std::int64_t size = to_integer(tensor.attr("element_size")());
    const auto bounds = bounds_of({ndim, shape.data(), strides.data(), 1}); // in elements
    if (!bounds || bounds->high == 0) return;
    const std::int64_t room = PyObject_Size(torch.untyped_storage(x).ptr());
    if (room == 0) refuse_tensor_without_memory(tensor, ndim, shape.data());
    const std::int64_t offset = to_integer(tensor.attr("storage_offset")());
    if ((offset + bounds->high) * size > room) refuse_storage(ndim, shape.data(), room);
}

/// For torch versions without the exchange API: a capsule of a detached alias, which `set_` on the
/// original cannot re-point.
NUMPY_BRIDGE_INLINE void import_tensor_by_capsule(const torch_library& torch, PyObject* x, const request& wanted,
                                                  imported& out) {
    py::object alias = py::handle(x).attr("detach")();
    const bool conjugated = torch.is_conj.is_true(x), read = wanted.used != use::addresses;
    if (read && wanted.checked) {
        if (conjugated || torch.is_neg.is_true(x)) refuse_tensor(x, "");
        if (wanted.used == use::writing && torch.requires_grad.is_true(x)) refuse_tensor(x, "");
        require_room(torch, x);
    } else if (conjugated) {
        alias = alias.attr("conj")(); // the same memory, which torch then agrees to export
    }
    if (read && wanted.held != hold::call && tensor_flag(alias, "is_cpu")) {
        const py::object storage = torch.untyped_storage(alias.ptr());
        if (torch.resizable.is_true(storage.ptr())) torch.pin_storage(storage);
    }
    try {
        if (tensor_flag(alias, "is_cuda")) import_dlpack_unordered(alias.ptr(), wanted, out);
        else import_dlpack(alias.ptr(), wanted, out);
        use_current_stream(torch, out);
    } catch (const sharing_error& error) {
        if (error.why().field == "data") throw;
        refuse_tensor(x, error.why().got);
    }
    if (read && !torch.has_whole_bytes(x, info(out.description.type.id).dlpack))
        refuse_tensor(x, "elements of less than a byte");
    out.pin = std::move(alias);
}

NUMPY_BRIDGE_INLINE bool is_tensor(PyObject* x) {
    const torch_library* torch = torch_library::loaded();
    return torch != nullptr && torch->is_tensor(x);
}

NUMPY_BRIDGE_INLINE void note_write(PyObject* x) {
    const torch_library* torch = torch_library::known();
    constexpr int longest = 32; // a chain may be a ring
    for (int links = 0; torch != nullptr && x != nullptr && links < longest; ++links, x = origin_of(x))
        if (torch->is_tensor(x)) return torch->count_write(x);
}

NUMPY_BRIDGE_INLINE void note_writes(PyObject* const* written, std::size_t count) noexcept {
    const torch_library* torch = torch_library::known();
    if (torch == nullptr) return;
    for (std::size_t i = 0; i < count; ++i) {
        PyObject* x = written[i];
        if (x == nullptr || (torch->is_exact_tensor(x) && torch->layout.count_write(x))) continue;
        if (const view_functions* views = known_functions_of(x)) x = views->origin(x);
        if (x != nullptr && numpy_row().is_mine(x)) x = numpy_row().origin(x);               // most often null
        if (x == nullptr || (torch->is_tensor(x) && torch->layout.count_write(x))) continue; // calls nothing
        const py::error_scope keeps_what_is_raised;
        try {
            note_write(x);
        } catch (py::error_already_set& error) {
            error.discard_as_unraisable("counting a write to a tensor");
        } catch (const std::exception& error) { // of another library's row
            PyErr_SetString(PyExc_RuntimeError, error.what());
            PyErr_WriteUnraisable(x);
        }
    }
}

void import_tensor(PyObject* x, const request& wanted, imported& out);

/// As the tensor that it wraps, but read-only.
NUMPY_BRIDGE_INLINE void import_export_only(const torch_library& torch, PyObject* x, const request& wanted,
                                            imported& out) {
    py::object tensor = asking_torch(x, [&] { return torch.unwrapped(x); });
    const hold held = wanted.held == hold::nothing ? hold::call : wanted.held; // nothing else keeps the alias
    const use used = wanted.used == use::writing ? use::reading : wanted.used;
    import_tensor(tensor.ptr(), {held, used, wanted.copies, wanted.checked}, out);
    out.own_extents();
    out.description.readonly = true;
    out.pin = py::make_tuple(std::move(tensor), out.pin);
}

/// No Python code runs between taking the storage and copying the extents, so the two are consistent.
NUMPY_BRIDGE_INLINE void import_tensor(PyObject* x, const request& wanted, imported& out) {
    const torch_library& torch = *torch_library::loaded();
    if (torch.is_export_only(x)) return import_export_only(torch, x, wanted, out);
    asking_torch(x, [&] {
        if (torch.exchange_api() == nullptr) return import_tensor_by_capsule(torch, x, wanted, out);
        py::object storage;
        if (wanted.held == hold::call) storage = torch.untyped_storage(x);
        else if (wanted.held == hold::lasting) storage = pinned_storage(torch, x);
        describe_tensor(torch, x, wanted, out);
        out.pin = std::move(storage);
        if (wanted.held == hold::nothing && torch.layout.known())
            out.seen = witness_of_storage(x, torch.layout.storage_of(x));
    });
}

NUMPY_BRIDGE_INLINE py::object make_tensor(const memory& m, anchor keep) {
    const torch_library& torch = torch_library::get();
    validate_for_torch(torch, m, false);
    return torch.new_tensor(m, std::move(keep));
}

inline constexpr dialect spelled_for_torch = {
    "torch.",      "{x}.to({dtype})", "{x}.reshape(...)", "{x}.contiguous()", "{x}.mT.contiguous().mT",
    "{x}.clone()", "{x}.clone()",     "{x}.cpu()",        "{x}.cuda()"};

NUMPY_BRIDGE_INLINE const library& torch_row() noexcept {
    static const library row = {"torch", is_tensor, import_tensor, is_tensor_unmoved, make_tensor, spelled_for_torch};
    return row;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
