#include "backend.hpp"

#include <algorithm>
#include <utility>

#include "block.hpp"
#include "capture_mode.hpp"
#include "kernels/snapshot.hpp"
#include "leases.hpp"
#include "queue.hpp"
#include "transfer.hpp"

namespace numpy_bridge::cuda {

namespace {

using kernels::iterate;
using kernels::iteration;

/// The stream of an operation on one device, ordered with the streams of both operands. The number 0 names no stream:
/// there is nothing to wait for.
class ordered_stream {
public:
    ordered_stream(int device, std::uintptr_t own, std::uintptr_t other)
        : stream_{device, stream_of(own != 0 ? own : other)},
          other_{device, stream_of(other != 0 ? other : own)},
          unnamed_(own == 0 || other == 0) {
        order_streams(other_, stream_);
    }
    device_stream get() const noexcept { return stream_; }

    /// Makes the owners' next work wait for the operation: it may read the target, and overwrite or release the source.
    /// An owner that named no stream continues on the legacy default stream, unless the operation is being captured:
    /// then it has not run yet, and there is nothing to wait for.
    void finish() const {
        order_streams(stream_, other_);
        if (unnamed_ && capture_of(stream_) == 0) order_streams(stream_, {stream_.device, cudaStreamLegacy});
    }

private:
    device_stream stream_, other_;
    bool unnamed_;
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
    const device_guard guard(to.device.index);
    const ordered_stream stream(to.device.index, target.stream, source.stream);
    read_before_write(to, from, strides, interferes, stream.get(), [&](const iteration& it) {
        queue_copy(to.type, from.type, it, stream.get());
        stream.finish();
    });
}

void release_block(void* address) {
    const relaxed_capture_mode relaxed;
    forget_cuda_error(cudaFree(address)); // on any device
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
        const device_guard guard(target.device.index);
        const ordered_stream stream(target.device.index, x.stream, y.stream);
        read_before_write(target, y.description, strides, interferes, stream.get(), [&](const iteration& it) {
            queue_addition(target.type.id, it, nullptr, stream.get().handle);
            stream.finish();
        });
    }

    void add_value(const memory_on_stream& x, const std::byte* value) const override {
        const memory& target = x.description;
        const device_guard guard(target.device.index);
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

    pointer_report inspect(const void* pointer) const override {
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

    owner allocate(std::int64_t bytes, int device, std::uintptr_t stream) const override {
        const device_guard guard(device);
        if (capture_of({device, stream_of(stream)}) != 0)
            engine::refuse("DLPack", "copy", "memory that was allocated before the capture of a graph",
                           "new memory on a captured stream", "make the copy before the capture");
        const relaxed_capture_mode relaxed;
        void* data = nullptr;
        check_cuda(cudaMalloc(&data, static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1))), "cudaMalloc");
        return {data, release_block};
    }
};

} // namespace

const cuda_backend& backend() {
    static const runtime_backend only;
    return only;
}

} // namespace numpy_bridge::cuda
