/// A transfer moves one packed block. If the source is not packed, or has another type, it is gathered into a block on
/// its own side first. If the target is not packed, the block is received on the target's side and scattered from
/// there.
#include "transfer.hpp"

#include <memory>

#include "block.hpp"
#include "capture_mode.hpp"
#include "device_setup.hpp"
#include "kernels/packing.hpp"
#include "queue.hpp"

namespace numpy_bridge::cuda {

namespace {

using kernels::into_block;
using kernels::is_packed;
using kernels::iteration;
using kernels::loop;
using kernels::out_of_block;

/// One end of a transfer: the host, or a stream of a device.
class side {
public:
    explicit side(const memory_on_stream& operand)
        : type_(operand.description.type),
          is_host_(!is_cuda(operand.description.device)),
          stream_{operand.description.device.index, stream_of(operand.stream)} {}

    bool is_host() const noexcept { return is_host_; }
    device_stream stream() const noexcept { return stream_; } ///< of a device only
    element_type type() const noexcept { return type_; }

    std::byte* new_block(std::int64_t bytes) {
        if (is_host_) {
            host_block_.reset(new std::byte[static_cast<std::size_t>(bytes)]);
            return host_block_.get();
        }
        device_block_ = std::make_unique<stream_block>(bytes, stream_);
        return device_block_->data();
    }

    /// Copies on this side: at once on the host, queued on a device.
    void copy(element_type target, element_type source, const iteration& it) const {
        if (is_host()) return kernels::copy_on_cpu(target, source, it);
        const device_guard guard(stream_.device);
        queue_copy(target, source, it, stream_);
    }

private:
    element_type type_;
    bool is_host_;
    device_stream stream_;
    std::unique_ptr<stream_block> device_block_;
    std::unique_ptr<std::byte[]> host_block_;
};

void move_block(const side& to, const side& from, std::byte* target, const std::byte* source, std::int64_t bytes) {
    const auto size = static_cast<std::size_t>(bytes);
    if (!to.is_host() && !from.is_host()) {
        connect(from.stream().device, to.stream().device);
        queue_wait(from.stream(), to.stream());
        const device_guard guard(to.stream().device);
        check_cuda(
            cudaMemcpyPeerAsync(target, to.stream().device, source, from.stream().device, size, to.stream().handle),
            "cudaMemcpyPeerAsync");
        queue_wait(to.stream(), from.stream()); // before the source is changed or released
        return;
    }
    const device_stream stream = to.is_host() ? from.stream() : to.stream();
    const device_guard guard(stream.device);
    const auto kind = to.is_host() ? cudaMemcpyDeviceToHost : cudaMemcpyHostToDevice;
    check_cuda(cudaMemcpyAsync(target, source, size, kind, stream.handle), "cudaMemcpyAsync");
}

/// CUDA may read or write such memory before a copy returns, or later.
bool is_pageable(const void* host) {
    cudaPointerAttributes found{};
    check_cuda(cudaPointerGetAttributes(&found, host), "cudaPointerGetAttributes");
    return found.type == cudaMemoryTypeUnregistered;
}

/// A stream that is being captured cannot be waited for.
void require_not_captured(const device_stream& stream) {
    if (capture_of(stream) != 0)
        engine::refuse("copy_", "non_blocking",
                       "non_blocking=True, and host memory that is packed, pinned and of the same dtype",
                       "a copy that waits for a captured stream", "do it before the capture");
}

} // namespace

void transfer(const memory_on_stream& target, const memory_on_stream& source, const iteration& it, bool non_blocking) {
    side to(target), from(source);
    const auto size = static_cast<std::int64_t>(itemsize(to.type().id));
    const std::int64_t bytes = it.elements() * size;
    const bool same_type = to.type().id == from.type().id && to.type().order == from.type().order;
    const bool gathers = !same_type || !is_packed(it, size, &loop::source);
    const bool scatters = !is_packed(it, size, &loop::target);

    const bool on_host = to.is_host() || from.is_host();
    const bool staged = (gathers && from.is_host()) || (scatters && to.is_host());
    const device_stream stream = to.is_host() ? from.stream() : to.stream();
    const device_in_use here(stream.device);
    const bool waits = on_host && (staged || !non_blocking || is_pageable(to.is_host() ? it.target : it.source));
    if (waits) require_not_captured(stream);
    if (!on_host) require_one_capture(from.stream(), stream);
    const relaxed_capture_mode relaxed; // the captures of other threads go on

    const std::byte* sent = it.source;
    if (gathers) {
        std::byte* block = from.new_block(bytes);
        from.copy(to.type(), from.type(), into_block(it, block, size));
        sent = block;
    }
    std::byte* received = scatters ? to.new_block(bytes) : it.target;
    move_block(to, from, received, sent, bytes);
    if (waits) check_cuda(cudaStreamSynchronize(stream.handle), "cudaStreamSynchronize");
    if (scatters) to.copy(to.type(), to.type(), out_of_block(it, received, size));
}

} // namespace numpy_bridge::cuda
