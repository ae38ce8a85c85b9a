#include "copy_to_cuda.hpp"

#include <memory>
#include <optional>

#include "cuda_module.hpp"
#include "in_place.hpp"
#include "kept_operands.hpp"

namespace numpy_bridge {

namespace {

struct owned_block {
    const cuda_backend& kernels;
    device_block block;
};

bool holds_gil() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked() != nullptr;
#else
    return _PyThreadState_UncheckedGet() != nullptr; // unlike PyGILState_Check, right after the interpreter's end too
#endif
}

/// Waits for the device, so other threads run meanwhile.
void release_block(void* context) {
    const std::unique_ptr<owned_block> owned(static_cast<owned_block*>(context));
    std::optional<engine::without_gil> unlocked;
    if (holds_gil()) unlocked.emplace();
    owned->kernels.release(owned->block);
}

/// New memory on a device, and its owner.
std::byte* allocate(std::int64_t bytes, device where, std::uintptr_t stream, owner& lease) {
    const cuda_backend& kernels = cuda_kernels("DLPack", where);
    auto owned = std::make_unique<owned_block>(owned_block{kernels, {}});
    {
        const engine::without_gil unlocked; // may wait for the device, too
        owned->block = kernels.allocate(bytes, where.index, stream);
    }
    std::byte* const data = owned->block.data;
    lease = {owned.release(), release_block};
    return data;
}

} // namespace

void copy_to_cuda(const py::object& view_object, device where, std::uintptr_t stream, imported& out) {
    const auto& from = view_object.cast<const view&>();
    validate_device(where, "DLPack");
    out.description = from.description();
    out.own_extents();
    memory& m = out.description;
    m.type.order = byte_order::native;
    m.device = where;
    m.readonly = false;
    fill_c_strides(m.ndim, m.shape, itemsize(m), out.strides.data());
    m.data = allocate(byte_count(m), where, stream, out.lease);
    out.stream = stream;
    copy_in_place({m, stream}, {from.description(), from.stream()}, false);
    if (!is_cuda(from.description().device) || from.owners_stream() != nullptr) return;
    imported none;
    keep_until_done(where, stream, view_object.ptr(), none);
}

} // namespace numpy_bridge
