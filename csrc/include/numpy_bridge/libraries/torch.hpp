/// Access to torch without linking libtorch, and new tensors over given memory.
///
/// torch is reached through the C exchange API of torch.Tensor (DLPack 1.2) and the C functions behind
/// its attributes. `torch_tensor.hpp` imports tensors.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <numpy_bridge/cpython.hpp>
#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/libraries/torch_layout.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// The parts of this process's torch that are needed.
class torch_library {
public:
    /// The library if the process has imported torch already, else null. Never imports it.
    static const torch_library* loaded() {
        const torch_library* ready = known();
        return ready != nullptr ? ready : look_up();
    }

    /// The same if `loaded` found it before, else null. Looks nothing up.
    static const torch_library* known() noexcept { return instance().load(std::memory_order_acquire); }

    /// The library, importing torch if need be. Raises ImportError if it is not installed.
    static const torch_library& get();

    bool is_tensor(PyObject* x) const noexcept { return PyObject_TypeCheck(x, tensor_base_) != 0; }
    bool is_exact_tensor(PyObject* x) const noexcept {
        return Py_TYPE(x) == tensor_type_ || Py_TYPE(x) == parameter_type_;
    }
    bool is_tensor_type(PyTypeObject* type) const noexcept { return PyType_IsSubtype(type, tensor_base_) != 0; }

    /// Whether the type of `x`, which is a tensor, exports it in a way of its own, read-only: ReadOnlyTensorWrapper of
    /// torch 2.14, which refuses every function of torch.
    bool is_export_only(PyObject* x) const {
        return !is_exact_tensor(x) && api_ != nullptr &&
               find_exchange_api(reinterpret_cast<PyObject*>(Py_TYPE(x))) != api_;
    }

    /// A torch.Tensor over the storage of such an `x`.
    py::object unwrapped(PyObject* x) const;

    /// Refuses devices that this torch has no backend for: a tensor there could not even be printed.
    void require_device(device where) const;

    bool has_dtype(dtype id) const noexcept { return dtypes_[static_cast<std::size_t>(id)]; }

    /// Null for torch versions without the exchange API.
    const dlpack::exchange_api* exchange_api() const noexcept { return api_; }

    /// False for sub-byte integers (int4 ...), which torch exports as 8-bit integers.
    bool has_whole_bytes(PyObject* x, dlpack::data_type seen) const;

    /// Attributes of torch.Tensor; `numpy` makes the storage permanently unresizable.
    const engine::c_attribute is_neg, is_conj, requires_grad, untyped_storage, numpy, dtype;

    /// Attributes of storages.
    const engine::c_attribute resizable, data_ptr;

    /// A faster way to read most of these.
    const torch_layout layout;

    /// Whether memory holds the values of `x`, as `note_ordinary` has been told of a tensor of the same kind. False
    /// means: ask torch.
    bool is_ordinary(PyObject* x) const noexcept;

    /// Remembers that torch calls `x` neither negated nor conjugated. All ordinary tensors of CUDA devices are one
    /// kind, those of inference mode another.
    void note_ordinary(PyObject* x) const;

    /// `x.requires_grad`.
    bool tracks_grad(PyObject* x) const {
        return !(layout.known() && layout.is_untracked(x)) && requires_grad.is_true(x);
    }

    /// Counts a write to the tensor `x`, as `torch.autograd.graph.increment_version` does.
    void count_write(PyObject* x) const;

    /// Pins a storage, for any dtype of the tensors over it.
    void pin_storage(const py::object& storage) const;

    /// A tensor over `m` that holds `keep` until torch releases its storage.
    py::object new_tensor(const memory& m, anchor keep) const;

    /// torch's current stream of a CUDA device, numbered as in `imported`. Versions without the exchange API have
    /// Python code for that.
    std::uintptr_t current_stream(device where) const;

    /// Orders later work on torch's current stream after all earlier work on `stream` of the device `where` (numbered
    /// as in `imported`). The host does not wait.
    void wait_for(std::uintptr_t stream, device where) const;

private:
    explicit torch_library(const py::object& torch);
    static const torch_library* look_up();

    py::object new_tensor_by_capsule(const memory& m, anchor keep) const;

    static std::atomic<const torch_library*>& instance() {
        static std::atomic<const torch_library*> pointer{nullptr};
        return pointer;
    }

    static const torch_library* publish(std::unique_ptr<const torch_library> fresh);

    // References below are kept for the life of the process.
    PyTypeObject* tensor_base_;
    PyTypeObject* tensor_type_;
    PyTypeObject* parameter_type_;
    const dlpack::exchange_api* api_;
    PyObject* torch_;
    PyObject* increment_version_;
    PyObject* int8_;
    PyObject* uint8_;
    std::bitset<dtype_table.size()> dtypes_;
    mutable std::array<std::atomic<std::uintptr_t>, 4> ordinary_kinds_{}; // key sets; 0: free
    mutable std::array<std::atomic<int>, 32> device_counts_{}; // by DLPack's device type; asked for where too few
};

/// Refuses memory that torch cannot take, some of which would make torch abort the process.
void validate_for_torch(const torch_library& torch, const memory& m, bool allow_readonly);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/torch.cpp"
#endif
