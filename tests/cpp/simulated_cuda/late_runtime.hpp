/// A CUDA runtime, played by the host, in which nothing happens before it must: what is given to a stream waits there
/// until the streams are run, and then they run in the order that the test chooses, as far as events allow it. What is
/// right in every order is right on a device.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
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

/// Destroys a stream, as its owner does. What it has been given goes on; calls that name it fail from now on.
void destroy(stream s);
bool is_gone(stream s);

/// Does the next thing that a stream was given. False if it waits for another, or has nothing to do.
bool step(stream in);

/// Runs everything, at each step in the first of these streams that can go on. False if some wait for ever.
bool run(const std::vector<stream>& order);

/// Whether all memory of the host is pinned, so that transfers read and write it late as well.
extern bool pinned;

/// Forgets everything, and frees all memory. No device has a context.
void reset();

// Devices

/// Those whose primary context has been made, which takes half a gigabyte of the device.
const std::set<int>& contexts();

/// The current device as another library sees it, which has its own copy of the runtime; and what it sets.
int current_device();
void set_device(int device);

// Memory

/// Someone's own memory, until `reset`.
std::byte* new_block(cudaMemoryType type, int device, std::size_t bytes);

/// Whose memory it is, by any of its bytes: unregistered for what is not ours, or not any more.
cudaPointerAttributes place_of(const void* address);

/// What calls of the runtime have made and not yet released: blocks of memory. Events are kept for good.
int unreleased();

// Graphs

using graph = unsigned long long;

/// Lets a graph record what a stream is given from now on. As if the calling thread, or where it is global any thread,
/// had begun this capture.
graph begin_capture(stream of, bool global);

/// Ends the captures of a graph. False if something was done meanwhile that a capture does not survive.
bool end_capture(graph of);

/// Gives a stream all that a graph has recorded.
void replay(graph what, stream on);

// Calls

/// The names of all calls since the last `reset` or `fail_after`, as CUDA has them, and "launch" for kernels.
extern std::vector<std::string> calls;

/// Called before the host waits for a device, with the name of the call that waits.
extern std::function<void(const std::string& call)> before_waiting;

/// Lets the call after the next `successes` ones fail; none for -1. Forgets the calls until now.
void fail_after(int successes);

/// Lets the next call of this name fail.
void fail(const std::string& name);

} // namespace late_cuda
