/// What late_runtime.cpp is made of: streams, events and graphs.
#pragma once

#include <memory>

#include "late_runtime.hpp"

namespace late_cuda {

/// A place in the queue of a stream.
struct mark {
    bool reached = false;
};

struct event {
    int device;
    std::shared_ptr<mark> last{}; ///< where it was last recorded; null before
    graph captured_in = 0;        ///< the graph that it was last recorded into
};

event* new_event(int device);

cudaError_t record(event& recorded, stream in);
cudaError_t wait(stream waiting, const event& awaited);
bool is_over(const event& mark);

/// The graph that records what the stream is given; 0 for none.
graph capture_of(stream s);
bool captures_anything();

/// Lets the host wait for a stream; for all of a device.
cudaError_t wait_for(stream s);
void wait_for_device(int device);

/// What a call answers that is not recorded and may not be made while others capture. These captures are lost.
cudaError_t break_global_captures();

void reset_streams();

// late_runtime.cpp

/// Leaves an error to cudaGetLastError.
cudaError_t answer(cudaError_t status);

/// Writes the call down. An error if it is the one to fail.
cudaError_t called(const char* name);

/// The same for one of the driver, which leaves nothing to cudaGetLastError.
cudaError_t called_in_driver(const char* name);

/// The same for a call that is potentially unsafe while someone captures, as CUDA calls it.
cudaError_t called_outside_captures(const char* name);

/// The stream of a handle: for a default stream, that of the device that works.
stream resolved(cudaStream_t handle);

// late_devices.cpp

constexpr int devices = 2;

/// The device of the thread's context, which is made if there is none.
int working_device();

void reset_devices();

// late_memory.cpp

cudaError_t allocate(void** data, int device, std::size_t bytes);

/// Whose block it was is found by its first byte. It is overwritten: someone else's from now on.
cudaError_t release(void* data);

/// Blocks of `allocate` that have not been released.
int unreleased_blocks();

void reset_memory();

} // namespace late_cuda
