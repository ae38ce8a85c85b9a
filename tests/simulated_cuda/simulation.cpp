/// How tests look at the CUDA runtime that they play, and what other libraries do on it: the module `simulation`, in
/// one file with `_cuda`.
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <late_runtime.hpp>

namespace py = pybind11;
using namespace late_cuda;

/// As the driver has it, of which importers of `__cuda_array_interface__` ask the device of a pointer.
extern "C" __attribute__((visibility("default"))) int cuPointerGetAttribute(void* out, int attribute,
                                                                            unsigned long long pointer) {
    constexpr int device_ordinal = 9, invalid_value = 1;
    const cudaPointerAttributes found = place_of(reinterpret_cast<const void*>(pointer));
    if (attribute != device_ordinal || found.type == cudaMemoryTypeUnregistered) return invalid_value;
    std::memcpy(out, &found.device, sizeof found.device);
    return 0;
}

namespace {

using named_stream = std::pair<int, std::uintptr_t>; ///< device and number

stream stream_of(named_stream s) { return {s.first, s.second}; }

std::uintptr_t new_block_at(int type, int device, std::size_t bytes) {
    return reinterpret_cast<std::uintptr_t>(new_block(static_cast<cudaMemoryType>(type), device, bytes));
}

void copy(named_stream on, std::uintptr_t target, std::uintptr_t source, std::size_t bytes) {
    give(stream_of(on),
         [=] { std::memcpy(reinterpret_cast<void*>(target), reinterpret_cast<const void*>(source), bytes); });
}

bool run_in_order(const std::vector<named_stream>& order) {
    std::vector<stream> streams;
    for (const named_stream& each : order) streams.push_back(stream_of(each));
    return run(streams);
}

/// Draws a second stream into what the first is captured into, as its library does.
void fork_capture(named_stream from, named_stream to) {
    cudaEvent_t event = nullptr;
    const auto handle = [](named_stream s) { return reinterpret_cast<cudaStream_t>(s.second); };
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    cudaEventRecord(event, handle(from));
    cudaStreamWaitEvent(handle(to), event, 0);
    cudaEventDestroy(event);
}

/// Names of the calls that have let the host wait for a device in a thread that held the GIL.
std::vector<std::string> waits_with_the_gil;

/// What a library does that knows nothing of captures; CUDA's answer.
int allocate() {
    void* data = nullptr;
    return cudaMalloc(&data, 1);
}

} // namespace

PYBIND11_MODULE(simulation, module) {
    before_waiting = [](const std::string& call) {
        if (PyGILState_Check() != 0) waits_with_the_gil.push_back(call);
    };
    module.doc() = "The CUDA runtime that tests play; see late_runtime.hpp. Streams are pairs of device and number.";
    module.def("new_block", new_block_at, "The address of new memory of a cudaMemoryType, on a device, of some bytes.");
    module.def("copy", copy, "Gives a stream a copy of bytes from one address to another.");
    module.def("run", run_in_order);
    module.def(
        "step", [](named_stream on) { return step(stream_of(on)); },
        "Does the next thing on a stream; false if it waits, or has come to its end.");
    module.def("begin_capture", [](named_stream of, bool global) { return begin_capture(stream_of(of), global); });
    module.def("end_capture", end_capture);
    module.def("fork_capture", fork_capture);
    module.def("allocate", allocate, "The error of cudaMalloc.");
    module.def("replay", [](graph what, named_stream on) { replay(what, stream_of(on)); });
    module.def("destroy", [](named_stream s) { destroy(stream_of(s)); });
    module.def("unreleased", unreleased);
    module.def("calls", [] { return calls; });
    module.def("fail_after", fail_after);
    module.def("fail", fail);
    module.def("contexts", contexts, "The devices whose primary context has been made.");
    module.def("current_device", current_device, "As another library sees it.");
    module.def("set_device", set_device);
    module.def("waits_with_the_gil", [] { return std::exchange(waits_with_the_gil, {}); });
    module.def("last_error", [] { return static_cast<int>(cudaGetLastError()); });
    module.def("reset", reset);
}
