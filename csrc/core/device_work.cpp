#include "device_work.hpp"

#include <numpy_bridge/protocols/dlpack.hpp>

#include "cuda_module.hpp"
#include "stream_argument.hpp"

namespace numpy_bridge {

device_work::device_work(const char* operation, std::uintptr_t named, device where) : named_(named), where_(where) {
    if (named_ != 0) require_memory_with_streams(operation, where_);
}

bool device_work::is_here(const operand& each) const noexcept {
    const device other = each.description().device;
    return is_cuda(other) && other.index == where_.index;
}

memory_on_stream device_work::use(operand& each) {
    used_[count_++] = &each;
    const std::uintptr_t own = each.stream();
    if (named_ == 0 || !is_here(each)) return {each.description(), own};
    if (own != 0 && own != named_) cuda_kernels("CUDA", where_).order(where_.index, own, named_);
    return {each.description(), named_};
}

/// An owner that names no stream continues on the legacy default one. It does not wait for a capture, as nothing has
/// run yet.
void device_work::order_operands(const cuda_backend& kernels) const {
    for (std::size_t i = 0; i < count_; ++i) {
        if (!is_here(*used_[i])) continue;
        const std::uintptr_t own = used_[i]->stream(), next = own != 0 ? own : engine::legacy_default_stream;
        if (next == named_ || (own == 0 && kernels.captures(where_.index, named_))) continue;
        kernels.order(where_.index, named_, next);
    }
}

/// The stream that the work was queued on.
std::uintptr_t device_work::stream() const noexcept {
    if (named_ != 0) return named_;
    for (std::size_t i = 0; i < count_; ++i)
        if (is_here(*used_[i]) && used_[i]->stream() != 0) return used_[i]->stream();
    return 0;
}

void device_work::finish(bool waited) {
    if (!is_cuda(where_) || is_empty(used_[0]->description())) return;
    const cuda_backend& kernels = cuda_kernels("CUDA", where_);
    if (named_ != 0) order_operands(kernels);
    const std::uintptr_t on = stream();
    bool kept = false;
    for (std::size_t i = 0; i < count_ && !waited; ++i) {
        if (is_cuda(used_[i]->description().device) && !used_[i]->is_freed_in_any_order()) continue;
        used_[i]->keep_until_done(where_, on);
        kept = true;
    }
    if (!kept) kernels.release_finished(); // as `keep` does
}

} // namespace numpy_bridge
