/// What keeps memory alive until work on it is done, where its owner does not free it in the order of a stream.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include <numpy_bridge/cuda/event.hpp>
#include <numpy_bridge/cuda/stream.hpp>
#include <numpy_bridge/owner.hpp>

namespace numpy_bridge::cuda {

/// Leases in the order of their streams, each with an event behind the work that it waits for. Thread-safe. Leases are
/// released outside of the lock, since that runs the code of their owners.
class leases {
public:
    /// Keeps `what` until all work that `stream` has been given is done, and releases what is done already. Nothing is
    /// kept for a stream that is being captured: whoever replays the graph keeps its memory. If CUDA fails, keeps it
    /// for good and throws cuda_error: to wait for the stream would hold up every thread, as the caller has the GIL.
    void keep(device_stream stream, owner what);

    /// Releases the leases whose work is done. Waits for nothing.
    void release_finished() noexcept;

private:
    struct lease {
        pooled_event done; ///< behind all work that the stream had been given
        owner what;        ///< released first

        /// Also true after an error of the device, which does nothing more.
        bool is_over() const noexcept;
    };

    void take_finished(std::deque<lease>& finished);

    std::mutex mutex_;
    std::map<std::pair<int, cudaStream_t>, std::deque<lease>> queues_; ///< none is empty
    std::deque<owner> kept_for_good_;                                  ///< no event says when the work is done
    std::atomic<int> count_{0};
};

/// Those of this process. Never destroyed: what is left at its end is left to the driver.
leases& process_leases();

} // namespace numpy_bridge::cuda
