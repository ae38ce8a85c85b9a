/// CUDA events, made once and used again.
#pragma once

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <numpy_bridge/cuda/check.hpp>
#include <numpy_bridge/cuda/device_guard.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// The idle events of all devices. They are never destroyed, as the driver may be gone when the process ends.
class event_pool {
public:
    static event_pool& get() {
        static auto* const only = new event_pool;
        return *only;
    }

    cudaEvent_t take(int device) {
        const std::scoped_lock lock(mutex_);
        of_device& events = devices_[device];
        if (events.idle.empty()) {
            events.idle.reserve(events.made + 1); // so that `give_back` need not allocate
            events.idle.push_back(made_on(device));
            ++events.made;
        }
        const cudaEvent_t last = events.idle.back();
        events.idle.pop_back();
        return last;
    }

    void give_back(int device, cudaEvent_t event) noexcept {
        const std::scoped_lock lock(mutex_);
        devices_[device].idle.push_back(event);
    }

private:
    struct of_device {
        std::vector<cudaEvent_t> idle;
        std::size_t made = 0;
    };

    static cudaEvent_t made_on(int device) {
        const device_guard guard(device);
        cudaEvent_t event = nullptr;
        check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
        return event;
    }

    std::mutex mutex_;
    std::map<int, of_device> devices_;
};

} // namespace engine

/// An event of a device, lent by a pool for a scope. A stream that was told to wait for it still does so after the
/// scope: what it waits for is decided when it is told.
class pooled_event {
public:
    explicit pooled_event(int device) : device_(device), event_(engine::event_pool::get().take(device)) {}
    pooled_event(pooled_event&& other) noexcept
        : device_(other.device_),
          event_(std::exchange(other.event_, nullptr)) {}
    pooled_event& operator=(pooled_event&&) = delete;
    ~pooled_event() {
        if (event_ != nullptr) engine::event_pool::get().give_back(device_, event_);
    }

    cudaEvent_t get() const noexcept { return event_; }

private:
    int device_;
    cudaEvent_t event_;
};

NUMPY_BRIDGE_NAMESPACE_END
