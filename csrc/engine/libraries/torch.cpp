#include <numpy_bridge/libraries/torch.hpp>

#include <algorithm>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include <numpy_bridge/opaque.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// The table, if it has the optional function that we read tensors with.
NUMPY_BRIDGE_INLINE const dlpack::exchange_api* complete(const dlpack::exchange_api* api) {
    return api != nullptr && api->tensor_from_object != nullptr ? api : nullptr;
}

NUMPY_BRIDGE_INLINE PyTypeObject* as_type(py::object type) {
    return reinterpret_cast<PyTypeObject*>(type.release().ptr());
}

/// Refuses valid memory with torch's reason: most often torch was built without the device.
[[noreturn]] NUMPY_BRIDGE_INLINE void refuse_as_torch_does(const memory& m, const std::string& reason) {
    if (m.device.type == device_type::cpu) refuse("torch", "memory", "memory that torch can take", reason);
    refuse("torch", "device", "a device that this torch supports", name_of(m.device), reason);
}

} // namespace engine

NUMPY_BRIDGE_INLINE const torch_library* torch_library::look_up() {
    static engine::interned_name name{nullptr};
    const py::object module = engine::imported_module(engine::interned(name, "torch"));
    if (!module) return nullptr;
    try {
        return publish(std::unique_ptr<const torch_library>(new torch_library(module)));
    } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_AttributeError)) throw;
        return nullptr; // torch is being imported just now
    }
}

NUMPY_BRIDGE_INLINE const torch_library& torch_library::get() {
    if (const auto* ready = loaded()) return *ready;
    try {
        engine::import_module("torch");
    } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_ModuleNotFoundError)) throw;
        py::raise_from(error, PyExc_ImportError,
                       "torch is not installed; install it with: pip install 'numpy-bridge[torch]'");
        throw py::error_already_set();
    }
    if (const auto* ready = loaded()) return *ready;
    throw py::import_error("torch is only partly imported");
}

NUMPY_BRIDGE_INLINE bool torch_library::has_whole_bytes(PyObject* x, dlpack::data_type seen) const {
    if (seen.code > dlpack::type_code::unsigned_integer || seen.bits != 8) return true;
    const py::object type = dtype(x);
    return type.ptr() == int8_ || type.ptr() == uint8_;
}

NUMPY_BRIDGE_INLINE void torch_library::count_write(PyObject* x) const {
    if (!layout.count_write(x)) engine::called(increment_version_, py::make_tuple(py::handle(x)));
}

NUMPY_BRIDGE_INLINE void torch_library::pin_storage(const py::object& storage) const {
    const py::handle torch(torch_);
    const py::object bytes =
        torch.attr("empty")(0, py::arg("dtype") = torch.attr("uint8"), py::arg("device") = "cpu").attr("set_")(storage);
    numpy(bytes.ptr());
}

NUMPY_BRIDGE_INLINE py::object torch_library::unwrapped(PyObject* x) const {
    const py::handle torch(torch_), tensor(reinterpret_cast<PyObject*>(tensor_type_));
    return torch.attr("_C").attr("_disabled_torch_function_impl")(tensor.attr("as_subclass"), py::tuple(),
                                                                  py::make_tuple(py::handle(x), tensor));
}

namespace engine {

/// The name of torch's module for a device of DLPack; empty where torch takes none. ROCm goes by CUDA's name.
NUMPY_BRIDGE_INLINE std::string device_module(py::handle torch, device_type type) {
    const bool rocm = !torch.attr("version").attr("hip").is_none();
    switch (type) {
    case device_type::cuda:
        return rocm ? "" : "cuda";
    case device_type::rocm:
        return rocm ? "cuda" : "";
    case device_type::oneapi:
        return "xpu";
    case device_type::metal:
        return "mps";
    case device_type::maia:
        return "maia";
    case device_type::extension:
        return to_text(torch.attr("_C").attr("_get_privateuse1_backend_name")());
    default:
        return "";
    }
}

/// How many devices of a type torch can use now. Backends of others need not count theirs.
NUMPY_BRIDGE_INLINE int count_devices(py::handle torch, device_type type) {
    try {
        const std::string name = device_module(torch, type);
        const py::object module = name.empty() ? py::object() : optional_attribute(torch.ptr(), name.c_str());
        if (!module) return 0;
        const py::object count = optional_attribute(module.ptr(), "device_count");
        constexpr int most = (std::numeric_limits<int>::max)();
        return count ? static_cast<int>(std::min<std::int64_t>(to_integer(count()), most)) : most;
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises errors that are not about the device
        return 0;
    }
}

} // namespace engine

NUMPY_BRIDGE_INLINE void torch_library::require_device(device where) const {
    if (where.index > 127) // torch keeps the index in a signed byte
        engine::refuse("torch", "device", "a device index of 0 to 127", name_of(where));
    std::atomic<int>& known = device_counts_[static_cast<std::size_t>(where.type)]; // validated memory has known types
    if (where.index < known.load(std::memory_order_relaxed)) return;
    const int count = engine::count_devices(torch_, where.type);
    known.store(count, std::memory_order_relaxed);
    if (where.index < count) return;
    engine::refuse("torch", "device", "a device that this torch supports", name_of(where), engine::hint_to_host);
}

NUMPY_BRIDGE_INLINE bool torch_library::is_ordinary(PyObject* x) const noexcept {
    if (!layout.known()) return false;
    if (layout.is_ordinary(x)) return true;
    const std::uintptr_t kind = layout.key_set_of(x);
    return std::any_of(ordinary_kinds_.begin(), ordinary_kinds_.end(),
                       [&](const auto& known) { return known.load(std::memory_order_relaxed) == kind; });
}

NUMPY_BRIDGE_INLINE void torch_library::note_ordinary(PyObject* x) const {
    if (!layout.known() || !is_exact_tensor(x)) return;
    const py::object zero = py::handle(x).attr("_is_zerotensor")(); // has no memory
    if (zero.ptr() != Py_False) return;
    const std::uintptr_t kind = layout.key_set_of(x);
    for (auto& known : ordinary_kinds_) {
        std::uintptr_t found = 0;
        if (known.compare_exchange_strong(found, kind, std::memory_order_relaxed) || found == kind) return;
    }
}

NUMPY_BRIDGE_INLINE torch_library::torch_library(const py::object& torch)
    : is_neg(torch.attr("_C").attr("TensorBase"), "is_neg"),
      is_conj(torch.attr("_C").attr("TensorBase"), "is_conj"),
      requires_grad(torch.attr("_C").attr("TensorBase"), "requires_grad"),
      untyped_storage(torch.attr("_C").attr("TensorBase"), "untyped_storage"),
      numpy(torch.attr("_C").attr("TensorBase"), "numpy"),
      dtype(torch.attr("_C").attr("TensorBase"), "dtype"),
      resizable(torch.attr("_C").attr("StorageBase"), "resizable"),
      data_ptr(torch.attr("_C").attr("StorageBase"), "data_ptr"),
      layout(torch_layout::find(torch)),
      tensor_base_(engine::as_type(torch.attr("_C").attr("TensorBase"))),
      tensor_type_(engine::as_type(torch.attr("Tensor"))),
      parameter_type_(engine::as_type(torch.attr("nn").attr("Parameter"))),
      api_(engine::complete(find_exchange_api(torch.attr("Tensor").ptr()))),
      torch_(torch.inc_ref().ptr()),
      increment_version_(py::object(torch.attr("autograd").attr("graph").attr("increment_version")).release().ptr()),
      int8_(py::object(torch.attr("int8")).release().ptr()),
      uint8_(py::object(torch.attr("uint8")).release().ptr()) {
    for (const dtype_info& row : dtype_table) dtypes_[static_cast<std::size_t>(row.id)] = py::hasattr(torch, row.name);
}

/// Several threads may get here at once; the library of the first one is kept.
NUMPY_BRIDGE_INLINE const torch_library* torch_library::publish(std::unique_ptr<const torch_library> fresh) {
    const torch_library* expected = nullptr;
    if (instance().compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel)) return fresh.release();
    return expected;
}

NUMPY_BRIDGE_INLINE py::object torch_library::new_tensor(const memory& m, anchor keep) const {
    // If a function of the table fails, the owner of the tensor is unclear; a capsule has a clear owner.
    const bool surely_taken = m.device.type == device_type::cpu || m.device.type == device_type::cuda;
    if (api_ == nullptr || !surely_taken) return new_tensor_by_capsule(m, std::move(keep));
    auto* managed = export_versioned(m, std::move(keep));
    managed->flags = 0; // the caller has agreed to a writable tensor
    if (is_c_contiguous(layout_of(m))) {
        managed->version.minor = 1;        // before DLPack 1.2 null strides mean C order,
        managed->tensor.strides = nullptr; // which spares torch a tenth of its work
    }
    void* tensor = nullptr;
    if (api_->managed_tensor_to_object(managed, &tensor) != 0) // torch may own it already: never free it twice
        engine::refuse_as_torch_does(m, engine::text_of_pending_error());
    return py::reinterpret_steal<py::object>(static_cast<PyObject*>(tensor));
}

NUMPY_BRIDGE_INLINE py::object torch_library::new_tensor_by_capsule(const memory& m, anchor keep) const {
    const py::object capsule = export_unversioned_capsule(m, std::move(keep));
    try {
        return py::handle(torch_).attr("utils").attr("dlpack").attr("from_dlpack")(capsule);
    } catch (py::error_already_set& error) {
        engine::refuse_as_torch_does(m, engine::text_of_error(error));
    }
}

NUMPY_BRIDGE_INLINE std::uintptr_t torch_library::current_stream(device where) const {
    if (api_ != nullptr) return engine::work_stream(*api_, where);
    const py::object current = py::handle(torch_).attr("cuda").attr("current_stream")(where.index);
    const std::uintptr_t handle = engine::to_address(current.attr("cuda_stream"));
    return handle == 0 ? engine::legacy_default_stream : handle;
}

NUMPY_BRIDGE_INLINE void torch_library::wait_for(std::uintptr_t stream, device where) const {
    if (api_ != nullptr && engine::work_stream(*api_, where) == stream) return;
    try {
        const py::object cuda = py::handle(torch_).attr("cuda");
        const py::object given = stream == engine::legacy_default_stream // which ExternalStream does not take
                                     ? cuda.attr("default_stream")(where.index)
                                     : cuda.attr("ExternalStream")(stream, py::arg("device") = where.index);
        cuda.attr("current_stream")(where.index).attr("wait_stream")(given);
    } catch (py::error_already_set& error) {
        engine::refuse("torch", "stream", "a stream that torch can wait for",
                       "stream " + std::to_string(stream) + ": " + engine::text_of_error(error));
    }
}

NUMPY_BRIDGE_INLINE void validate_for_torch(const torch_library& torch, const memory& m, bool allow_readonly) {
    if (m.device.type != device_type::cpu) torch.require_device(m.device);
    if (m.readonly && !allow_readonly)
        engine::refuse("torch", "readonly", "writable memory, as a tensor can always be written to", "read-only memory",
                       "pass copy=True for a writable copy, or allow_readonly=True to share it and never write to it; "
                       "memory of pandas, polars, JAX and np.load(..., mmap_mode='r') is read-only");
    if (!torch.has_dtype(m.type.id))
        engine::refuse("torch", "dtype", "a dtype that this torch supports", name_of(m),
                       m.type.id == dtype::opaque ? engine::hint_for_opaque(m) : engine::hint_to_bytes);
    engine::validate_for_dlpack(m, "torch");
}

NUMPY_BRIDGE_NAMESPACE_END
