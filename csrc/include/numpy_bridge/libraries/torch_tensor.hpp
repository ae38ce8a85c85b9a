/// torch.Tensor, import: shared through its storage, pinned, and refused if its memory does not hold its values.
///
/// Memory is read through the C exchange API of torch.Tensor (DLPack 1.2). torch itself is asked for the rest: negation
/// and conjugation, autograd, and whether the storage can still be resized.
#pragma once

#include <string>

#include <numpy_bridge/libraries/library.hpp>
#include <numpy_bridge/libraries/torch.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// Raises why `tensor` cannot be shared: the first obstacle found, else torch's own reason.
[[noreturn]] void refuse_tensor(py::handle tensor, const std::string& otherwise);

/// Reads the tensor's fields without taking ownership. The result points into the tensor.
dlpack::tensor read_tensor(const torch_library& torch, PyObject* x);

/// Refuses memory of `x` that reaches beyond its storage. torch leaves the new shape on a tensor whose
/// storage refused to grow, and a storage can be cut under its tensors.
void check_inside_storage(const torch_library& torch, PyObject* x, const memory& m);

/// Checks what the exchange API leaves out: that `m`, which it read from `x`, holds the tensor's values
/// and lies in its storage, and for `writes` that autograd does not track the tensor. Calling torch lets
/// other threads run, so extents must have been copied. The check of an ordinary tensor calls nothing.
void check_tensor(const torch_library& torch, PyObject* x, const memory& m, bool writes);

/// Reads the tensor, with extents of its own, and checks it as `wanted` requires.
void describe_tensor(const torch_library& torch, PyObject* x, const request& wanted, imported& out);

/// The storage of `x`, made unresizable if it is on the host. The tensor itself is not held: `set_` and `.data =`
/// can point it to another storage.
py::object pinned_storage(const torch_library& torch, PyObject* x);

/// Runs `f`, which calls torch for the tensor `x`. Errors that torch raises become refusals of `x`.
template <class F> auto asking_torch(PyObject* x, F f) {
    try {
        return f();
    } catch (py::error_already_set& error) {
        refuse_tensor(x, text_of_error(error));
    }
}

bool is_tensor(PyObject* x);

/// Call it after writing to the memory of `x`. If `x` is a tensor, or has its memory from one, this counts as a write
/// to that tensor: `backward` then refuses values that an operation had saved before.
void note_write(PyObject* x);

/// The same for all objects that are not null. Errors are reported as unraisable.
void note_writes(PyObject* const* written, std::size_t count) noexcept;

/// Notes the writes to these objects, borrowed, when the scope ends.
template <std::size_t N> struct writes_noted_at_end {
    PyObject* written[N];
    ~writes_noted_at_end() { note_writes(written, N); }
};

/// Whether the elements of `m` lie inside `storage`.
inline bool lies_inside(const memory& m, storage_extent storage) noexcept {
    const byte_bounds bounds = bounds_of(layout_of(m)).value_or(byte_bounds{});
    if (bounds.high == 0) return true;
    return storage.size >= 0 && m.data + bounds.low >= storage.data &&
           m.data + bounds.high <= storage.data + storage.size;
}

/// Whether the storage is the recorded one. If its fields cannot be read, torch describes the tensor again.
bool is_tensor_unmoved(const witness& seen, const memory& was);

/// Records the storage of `x`, to check later whether it is still the same.
inline witness witness_of_storage(PyObject* x, storage_extent storage) noexcept {
    return {x,
            is_tensor_unmoved,
            {reinterpret_cast<std::uintptr_t>(storage.data), static_cast<std::uintptr_t>(storage.size)}};
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/torch_tensor.cpp"
#endif
