#include "kept_operands.hpp"

#include "cuda_module.hpp"

namespace numpy_bridge {

void keep_until_done(device where, std::uintptr_t stream, PyObject* object, imported& in) {
    const cuda_backend* kernels = cuda_kernels_if_any();
    if (kernels == nullptr) return;
    owner kept(new anchor(in.anchored_to(object)), [](void* context) { delete static_cast<anchor*>(context); });
    kernels->keep(where.index, stream, std::move(kept));
}

} // namespace numpy_bridge
