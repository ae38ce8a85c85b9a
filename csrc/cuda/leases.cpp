#include "leases.hpp"

#include <iterator>

#include "capture_mode.hpp"
#include "device_setup.hpp"

namespace numpy_bridge::cuda {

bool leases::lease::is_over() const noexcept {
    const cudaError_t status = cudaEventQuery(done.get());
    forget_cuda_error(status);
    return status != cudaErrorNotReady;
}

void leases::keep(device_stream stream, owner what) {
    const attempted_guard guard(stream.device); // once for all that follows
    release_finished();
    try {
        if (capture_of(stream) != 0) return;
        const device_guard required(stream.device);
        pooled_event done(stream.device);
        check_cuda(cudaEventRecord(done.get(), stream.handle), "cudaEventRecord");
        const std::scoped_lock lock(mutex_);
        queues_[{stream.device, stream.handle}].push_back({std::move(done), std::move(what)});
        count_.fetch_add(1, std::memory_order_relaxed);
    } catch (const cuda_error&) {
        const std::scoped_lock lock(mutex_);
        kept_for_good_.push_back(std::move(what));
        throw;
    }
}

void leases::take_finished(std::deque<lease>& finished) {
    const std::scoped_lock lock(mutex_);
    for (auto at = queues_.begin(); at != queues_.end();) {
        std::deque<lease>& queue = at->second;
        const attempted_guard guard(at->first.first);
        const relaxed_capture_mode relaxed; // a query would end the captures of others
        while (!queue.empty() && queue.front().is_over()) {
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
