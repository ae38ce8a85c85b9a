/// A CUDA runtime, played by the host, in which nothing happens before it must: what is given to a stream waits there
/// until the streams are run, and then they run in the order that the test chooses, as far as events allow it. What is
/// right in every order is right on a device.
#pragma once

#include <cstdint>
#include <functional>
#include <tuple>
#include <vector>

#include <cuda_runtime_api.h>

namespace late_cuda {

/// 1 and 2 are the default streams of each device. Other numbers are of one device: 5 of device 0, 15 of device 1.
struct stream {
    int device;
    std::uintptr_t number;

    bool operator<(const stream& other) const noexcept {
        return std::tie(device, number) < std::tie(other.device, other.number);
    }
};

constexpr int device_of(std::uintptr_t number) noexcept { return static_cast<int>(number / 10); }

/// Gives a stream something to do, as the owner of memory does.
void give(stream to, std::function<void()> action);

/// Runs everything, at each step in the first of these streams that can go on. False if some wait for ever.
bool run(const std::vector<stream>& order);

/// Whether memory of the host is pinned, so that transfers read and write it late as well.
extern bool pinned;

/// Forgets everything; device 0 is the current one.
void reset();

} // namespace late_cuda
