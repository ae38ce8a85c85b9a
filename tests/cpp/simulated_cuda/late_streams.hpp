/// What late_runtime.cpp is made of: streams, events and graphs.
#pragma once

#include "late_runtime.hpp"

namespace late_cuda {

struct event {
    int device;
    int recorded = 0;      ///< times that it has been given to a stream
    int reached = 0;       ///< and that the stream has got there
    graph captured_in = 0; ///< the graph that it was last recorded into
};

event* new_event(int device);

cudaError_t record(event& mark, stream in);
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

// late_memory.cpp

cudaError_t allocate(void** data, int device, std::size_t bytes);

/// Whose block it was is found by its first byte. It is overwritten: someone else's from now on.
cudaError_t release(void* data);

/// Blocks of `allocate` that have not been released.
int unreleased_blocks();

void reset_memory();

} // namespace late_cuda
