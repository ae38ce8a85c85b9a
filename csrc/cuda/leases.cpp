#include "leases.hpp"

#include <iterator>

#include "capture_mode.hpp"
#include "device_setup.hpp"

namespace numpy_bridge::cuda {

leases::event::event(device_stream behind) {
    const device_guard guard(behind.device);
    check_cuda(cudaEventCreateWithFlags(&handle_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    const cudaError_t status = cudaEventRecord(handle_, behind.handle);
    if (status == cudaSuccess) return;
    destroy();
    check_cuda(status, "cudaEventRecord");
}

void leases::event::destroy() noexcept {
    if (handle_ != nullptr) forget_cuda_error(cudaEventDestroy(std::exchange(handle_, nullptr)));
}

bool leases::event::is_over() const noexcept {
    const cudaError_t status = cudaEventQuery(handle_);
    forget_cuda_error(status);
    return status != cudaErrorNotReady;
}

void leases::keep(device_stream stream, owner what) {
    release_finished();
    if (capture_of(stream) != 0) return;
    try {
        event done(stream);
        const std::lock_guard lock(mutex_);
        queues_[{stream.device, stream.handle}].push_back({std::move(done), std::move(what)});
        count_.fetch_add(1, std::memory_order_relaxed);
    } catch (const cuda_error&) {
        const attempted_guard guard(stream.device);
        const relaxed_capture_mode relaxed;
        forget_cuda_error(cudaStreamSynchronize(stream.handle));
        throw;
    }
}

void leases::take_finished(std::deque<lease>& finished) {
    const std::lock_guard lock(mutex_);
    for (auto at = queues_.begin(); at != queues_.end();) {
        std::deque<lease>& queue = at->second;
        const attempted_guard guard(at->first.first);
        const relaxed_capture_mode relaxed; // a query would end the captures of others
        while (!queue.empty() && queue.front().done.is_over()) {
            finished.push_back(std::move(queue.front()));
            queue.pop_front();
        }
        at = queue.empty() ? queues_.erase(at) : std::next(at);
    }
    count_.fetch_sub(static_cast<int>(finished.size()), std::memory_order_relaxed);
}

void leases::release_finished() noexcept {
    if (count_.load(std::memory_order_relaxed) == 0) return;
    std::deque<lease> finished;
    take_finished(finished);
}

leases& process_leases() {
    static leases& only = *new leases;
    return only;
}

} // namespace numpy_bridge::cuda
