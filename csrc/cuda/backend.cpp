#include "backend.hpp"

#include <algorithm>
#include <optional>

#include "block.hpp"
#include "capture_mode.hpp"
#include "queue.hpp"
#include "transfer.hpp"

namespace numpy_bridge::cuda {

namespace {

using kernels::iterate;
using kernels::iteration;
using kernels::place;

/// The stream that an operation on one device is given to, in order with both operands'. A number of 0 names no stream:
/// nothing has to be waited for.
class ordered_stream {
public:
    ordered_stream(int device, std::uintptr_t own, std::uintptr_t other)
        : stream_{device, stream_of(own != 0 ? own : other)},
          other_{device, stream_of(other != 0 ? other : own)},
          unnamed_(own == 0 || other == 0) {
        order_streams(other_, stream_);
    }
    device_stream get() const noexcept { return stream_; }

    /// Lets the owners' next work wait for the operation: it may read the target, and overwrite or release the source.
    /// Where no stream was named, an owner goes on on the legacy default one, unless this is captured: then a graph
    /// that has yet to be run decides.
    void finish() const {
        order_streams(stream_, other_);
        if (unnamed_ && capture_of(stream_) == 0) order_streams(stream_, {stream_.device, cudaStreamLegacy});
    }

private:
    device_stream stream_, other_;
    bool unnamed_;
};

/// A packed copy of what is read, where it would be overwritten meanwhile.
class snapshot {
public:
    snapshot(const memory& source, device_stream where) : block_(byte_count(source), where), memory_(source) {
        memory_.data = block_.data();
        memory_.strides = strides_.data();
        fill_c_strides(source.ndim, source.shape, itemsize(source), strides_.data());
        queue_copy(source.type, source.type, iterate(memory_, source.data, source.strides), where);
    }
    const memory& get() const noexcept { return memory_; }

private:
    stream_block block_;
    dims strides_;
    memory memory_;
};

/// What is read for each element of `target`: the source, or a snapshot of it in `kept`.
iteration read_through(const memory& target, const memory& source, const dims& strides, bool through_snapshot,
                       device_stream where, std::optional<snapshot>& kept) {
    if (!through_snapshot) return iterate(target, source.data, strides.data());
    kept.emplace(source, where);
    dims of_snapshot;
    kernels::broadcast_strides(kept->get(), target.ndim, target.shape, of_snapshot);
    return iterate(target, kept->get().data, of_snapshot.data());
}

void copy_on_device(const place& target, const place& source, const dims& strides, bool interferes) {
    const device_guard guard(target.at.device.index);
    const ordered_stream stream(target.at.device.index, target.stream, source.stream);
    const memory& to = target.at;
    std::optional<snapshot> kept;
    const iteration it = read_through(to, source.at, strides, interferes, stream.get(), kept);
    queue_copy(to.type, source.at.type, it, stream.get());
    stream.finish();
}

void release_block(void* address) {
    const relaxed_capture_mode relaxed;
    forget_cuda_error(cudaFree(address)); // of whichever device it is
}

class runtime_backend final : public kernels::cuda_backend {
public:
    std::string unavailable() const override {
        int count = 0;
        const cudaError_t status = cudaGetDeviceCount(&count);
        if (status == cudaSuccess) return {};
        forget_cuda_error(status);
        return std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status);
    }

    void add(kernels::addition how, const place& x, const place& y, const dims& strides,
             bool interferes) const override {
        const device_guard guard(x.at.device.index);
        const ordered_stream stream(x.at.device.index, x.stream, y.stream);
        std::optional<snapshot> kept;
        const iteration it = read_through(x.at, y.at, strides, interferes, stream.get(), kept);
        queue_addition(how, x.at.type.id, it, nullptr, stream.get().handle);
        stream.finish();
    }

    void add_value(kernels::addition how, const place& x, const std::byte* value) const override {
        const device_guard guard(x.at.device.index);
        constexpr dims none{};
        queue_addition(how, x.at.type.id, iterate(x.at, nullptr, none.data()), value, stream_of(x.stream));
    }

    void copy(const place& target, const place& source, const dims& strides, bool interferes,
              bool non_blocking) const override {
        const bool one_device =
            on_device(target.at) && on_device(source.at) && target.at.device.index == source.at.device.index;
        if (one_device) return copy_on_device(target, source, strides, interferes);
        transfer(target, source, iterate(target.at, source.at.data, strides.data()), non_blocking);
    }

    kernels::pointer_report inspect(const void* pointer) const override {
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

    owner allocate(std::int64_t bytes, int device, std::uintptr_t stream) const override {
        const device_guard guard(device);
        if (capture_of({device, stream_of(stream)}) != 0)
            detail::refuse("DLPack", "copy", "memory that is there before a graph is captured",
                           "new memory on a stream that is captured", "make the copy before the capture");
        const relaxed_capture_mode relaxed;
        void* data = nullptr;
        check_cuda(cudaMalloc(&data, static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1))), "cudaMalloc");
        return {data, release_block};
    }
};

} // namespace

const kernels::cuda_backend& backend() {
    static const runtime_backend only;
    return only;
}

} // namespace numpy_bridge::cuda
