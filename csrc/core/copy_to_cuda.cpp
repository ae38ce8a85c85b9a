#include "copy_to_cuda.hpp"

#include "cuda_module.hpp"
#include "in_place.hpp"
#include "kept_operands.hpp"

namespace numpy_bridge {

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
    out.lease = cuda_kernels("DLPack", where).allocate(byte_count(m), where.index, stream);
    out.stream = stream;
    m.data = static_cast<std::byte*>(out.lease.context());
    copy_in_place({m, stream}, {from.description(), from.stream()}, false);
    if (!is_cuda(from.description().device) || from.owners_stream() != nullptr) return;
    imported none;
    keep_until_done(where, stream, view_object.ptr(), none);
}

} // namespace numpy_bridge
