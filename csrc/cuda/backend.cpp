#include "backend.hpp"

#include <algorithm>
#include <utility>

#include "block.hpp"
#include "capture_mode.hpp"
#include "device_setup.hpp"
#include "kernels/snapshot.hpp"
#include "leases.hpp"
#include "queue.hpp"
#include "transfer.hpp"

namespace numpy_bridge::cuda {

namespace {

using kernels::iterate;
using kernels::iteration;

/// Whether the device of `y` does the work of an operation on one device: managed memory can be used on any.
bool second_leads(const memory_on_stream& x) noexcept { return x.description.device.type == device_type::cuda_managed; }

int working_device(const memory_on_stream& x, const memory_on_stream& y) noexcept {
    return (second_leads(x) ? y : x).description.device.index;
}

/// The stream of an operation on one device, ordered with the streams of both operands. The number 0 names no stream:
/// there is nothing to wait for.
class ordered_stream {
public:
    ordered_stream(const memory_on_stream& x, const memory_on_stream& y)
        : stream_(second_leads(x) ? used_by(y, x) : used_by(x, y)),
          other_(second_leads(x) ? used_by(x, y) : used_by(y, x)),
          unnamed_(x.stream == 0 || y.stream == 0) {
        if (unnamed_ || !(stream_ == other_)) captured_ = require_one_capture(stream_, other_) != 0;
        queue_wait(other_, stream_);
    }
    device_stream get() const noexcept { return stream_; }

    /// Makes the owners' next work wait for the operation: it may read the target, and overwrite or release the source.
    /// An owner that named no stream continues on the legacy default stream, unless the operation is being captured:
    /// then it has not run yet, and there is nothing to wait for.
    void finish() const {
        queue_wait(stream_, other_);
        if (unnamed_ && !captured_) queue_wait(stream_, {stream_.device, cudaStreamLegacy});
    }

private:
    static device_stream used_by(const memory_on_stream& x, const memory_on_stream& other) noexcept {
        const int device = x.description.device.index;
        const bool takes_others = x.stream == 0 && other.description.device.index == device;
        return {device, stream_of(takes_others ? other.stream : x.stream)};
    }

    device_stream stream_, other_;
    bool unnamed_, captured_ = false;
};

/// Calls `work` with the iteration over both operands. If the target interferes with the source, the source is copied
/// first, and `work` reads the copy.
template <class Work>
void read_before_write(const memory& target, const memory& source, const dims& strides, bool interferes,
                       device_stream where, const Work& work) {
    if (!interferes) return work(iterate(target, source.data, strides.data()));
    const stream_block block(byte_count(source), where);
    const kernels::snapshot kept(source, block.data());
    queue_copy(source.type, source.type, kept.from_source(), where);
    work(kept.to(target));
}

void copy_on_device(const memory_on_stream& target, const memory_on_stream& source, const dims& strides,
                    bool interferes) {
    const memory &to = target.description, &from = source.description;
    const device_in_use here(working_device(target, source));
    const ordered_stream stream(target, source);
    read_before_write(to, from, strides, interferes, stream.get(), [&](const iteration& it) {
        queue_copy(to.type, from.type, it, stream.get());
        stream.finish();
    });
}

class runtime_backend final : public cuda_backend {
public:
    std::string unavailable() const override {
        int count = 0;
        const cudaError_t status = cudaGetDeviceCount(&count);
        if (status == cudaSuccess) return {};
        forget_cuda_error(status);
        return std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status);
    }

    void add(const memory_on_stream& x, const memory_on_stream& y, const dims& strides,
             bool interferes) const override {
        const memory& target = x.description;
        const device_in_use here(working_device(x, y));
        const ordered_stream stream(x, y);
        read_before_write(target, y.description, strides, interferes, stream.get(), [&](const iteration& it) {
            queue_addition(target.type.id, it, nullptr, stream.get().handle);
            stream.finish();
        });
    }

    void add_value(const memory_on_stream& x, const std::byte* value) const override {
        const memory& target = x.description;
        const device_in_use here(target.device.index);
        constexpr dims broadcast{};
        queue_addition(target.type.id, iterate(target, nullptr, broadcast.data()), value, stream_of(x.stream));
    }

    void copy(const memory_on_stream& target, const memory_on_stream& source, const dims& strides, bool interferes,
              bool non_blocking) const override {
        const memory &to = target.description, &from = source.description;
        const bool one_device = is_cuda(to.device) && is_cuda(from.device) && to.device.index == from.device.index;
        if (one_device) return copy_on_device(target, source, strides, interferes);
        transfer(target, source, iterate(to, from.data, strides.data()), non_blocking);
    }

    pointer_report inspect(const void* pointer, int device) const override {
        const attempted_guard guard(device);
        cudaPointerAttributes found{};
        check_cuda(cudaPointerGetAttributes(&found, pointer), "cudaPointerGetAttributes");
        switch (found.type) {
        case cudaMemoryTypeDevice:
            return {true, {device_type::cuda, found.device}};
        case cudaMemoryTypeManaged:
            return {true, {device_type::cuda_managed, found.device}};
        case cudaMemoryTypeHost:
            return {true, {device_type::cuda_host, found.device}};
        default:
            return {false, cpu_device};
        }
    }

    void order(int device, std::uintptr_t earlier, std::uintptr_t later) const override {
        order_streams({device, stream_of(earlier)}, {device, stream_of(later)});
    }

    bool captures(int device, std::uintptr_t stream) const override {
        return capture_of({device, stream_of(stream)}) != 0;
    }

    void keep(int device, std::uintptr_t stream, owner what) const override {
        process_leases().keep({device, stream_of(stream)}, std::move(what));
    }

    void release_finished() const noexcept override { process_leases().release_finished(); }

    device_block allocate(std::int64_t bytes, int device, std::uintptr_t stream) const override {
        const device_guard guard(device);
        if (capture_of({device, stream_of(stream)}) != 0)
            engine::refuse("DLPack", "copy", "memory that was allocated before the capture of a graph",
                           "new memory on a captured stream", "make the copy before the capture");
        const relaxed_capture_mode relaxed;
        void* data = nullptr;
        check_cuda(cudaMalloc(&data, static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1))), "cudaMalloc");
        return {static_cast<std::byte*>(data), device};
    }

    void release(device_block block) const noexcept override {
        const attempted_guard guard(block.device);
        const relaxed_capture_mode relaxed;
        forget_cuda_error(cudaFree(block.data));
    }
};

} // namespace

const cuda_backend& backend() {
    static const runtime_backend only;
    return only;
}

} // namespace numpy_bridge::cuda
