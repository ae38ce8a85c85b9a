/// The C exchange API of DLPack with View as the provider: `View.__dlpack_c_exchange_api__`.
#include <new>

#include "cuda_module.hpp"
#include "errors.hpp"
#include "register.hpp"
#include "view.hpp"

#include <numpy_bridge/protocols/dlpack.hpp>

namespace numpy_bridge {

namespace {

/// Runs `body` behind a C boundary: 0, or -1 with a Python exception set.
template <class Body> int guarded(Body body) noexcept {
    try {
        body();
        return 0;
    } catch (...) {
        set_python_exception();
        return -1;
    }
}

/// The View of an object that a consumer passed, if the table can describe it. The table has no byte order or odd
/// strides, and declares the legacy default stream as current, so that stream is made to wait here.
const view& exportable(void* object) {
    const py::handle x(static_cast<PyObject*>(object));
    if (PyObject_TypeCheck(x.ptr(), view_type) == 0)
        throw py::type_error("expected a numpy_bridge.View, got an object of type " + engine::type_name(x));
    const auto& from = x.cast<const view&>();
    engine::validate_for_dlpack(from.description(), "DLPack");
    constexpr auto promised = engine::legacy_default_stream;
    const std::uintptr_t own = from.stream();
    if (own != 0 && own != promised && !order_streams_if_possible(from.description().device, own, promised))
        engine::refuse("DLPack", "stream", "work on the legacy default stream", "work on stream " + std::to_string(own),
                       "wait for that stream first, then call x.__dlpack__(stream=-1)");
    return from;
}

int managed_tensor_from_object(void* object, dlpack::managed_tensor_versioned** out) noexcept {
    return guarded([&] {
        const view& from = exportable(object);
        *out = export_versioned(from.description(), anchor(static_cast<PyObject*>(object), {}, {}));
    });
}

/// Consumers ask for bare tensors first, so this refusal is frequent, and throws nothing.
void set_readonly_error() {
    const py::object error =
        python_exception({"DLPack", "readonly", "writable memory, as a bare DLTensor cannot say otherwise",
                          "read-only memory", "ask for a managed tensor, which has a flag for it"});
    PyErr_SetObject(py::type::handle_of(error).ptr(), error.ptr());
}

/// The tensor points into the View and has no read-only flag.
int tensor_from_object(void* object, dlpack::tensor* out) noexcept {
    bool refused = false;
    const int failed = guarded([&] {
        const view& from = exportable(object);
        const memory& m = from.description();
        refused = m.readonly;
        if (refused) return set_readonly_error();
        *out = {m.data,
                m.device,
                m.ndim,
                info(m.type.id).dlpack,
                const_cast<std::int64_t*>(m.shape),
                const_cast<std::int64_t*>(from.element_strides()),
                0};
    });
    return refused ? -1 : failed;
}

/// Takes ownership of the tensor, even if it fails.
int managed_tensor_to_object(dlpack::managed_tensor_versioned* tensor, void** out) noexcept {
    return guarded([&] {
        imported in;
        if (tensor == nullptr) engine::refuse("DLPack", "exchange API", "a tensor", "NULL");
        engine::import_managed(tensor, engine::to_copy, in); // the consumer may pass a copy
        *out = py::cast(std::make_unique<view>(in, nullptr, false)).release().ptr();
    });
}

/// New memory on the CPU, uninitialised. Needs no GIL.
dlpack::managed_tensor_versioned* allocated(const dlpack::tensor& prototype) {
    constexpr std::align_val_t alignment{64};
    static std::byte nothing; // empty memory needs an address, too
    imported in;
    dlpack::tensor wanted = prototype;
    wanted.strides = nullptr;
    wanted.byte_offset = 0;
    wanted.data = &nothing;
    engine::describe_dlpack(wanted, false, in);
    memory& m = in.description;
    if (m.device.type != device_type::cpu)
        engine::refuse("DLPack", "device", "cpu", name_of(m.device), "let the library of that device allocate");
    const auto size = static_cast<std::size_t>(byte_count(m));
    m.data = static_cast<std::byte*>(::operator new(size, alignment, std::nothrow));
    if (m.data == nullptr) throw std::bad_alloc();
    owner block(m.data, [](void* data) { ::operator delete(data, std::align_val_t{64}); });
    return export_versioned(m, anchor(nullptr, {}, std::move(block)));
}

int allocate(dlpack::tensor* prototype, dlpack::managed_tensor_versioned** out, void* context,
             void (*set_error)(void* context, const char* kind, const char* message)) noexcept {
    try {
        *out = allocated(*prototype);
        return 0;
    } catch (const std::bad_alloc&) {
        set_error(context, "MemoryError", "no memory for a tensor of this size");
    } catch (const std::exception& error) {
        set_error(context, "BufferError", error.what());
    }
    return -1;
}

/// `exportable` makes this the current stream.
int current_work_stream(device_type, std::int32_t, void** out) noexcept {
    *out = nullptr;
    return 0;
}

dlpack::exchange_api table = {{{dlpack::major_version, dlpack::minor_version}, nullptr},
                              allocate,
                              managed_tensor_from_object,
                              managed_tensor_to_object,
                              tensor_from_object,
                              current_work_stream};

} // namespace

void register_exchange_api(py::module_& module) {
    module.attr("View").attr("__dlpack_c_exchange_api__") =
        engine::stolen(PyCapsule_New(&table, dlpack::exchange_capsule_name, nullptr));
}

} // namespace numpy_bridge
