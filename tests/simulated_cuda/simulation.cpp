/// How tests look at the CUDA runtime that they play, and what other libraries do on it: the module `simulation`, in
/// one file with `_cuda`.
#include <cstring>

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

stream stream_at(int device, std::uintptr_t number) { return {device, number}; }

/// Bytes that a stream writes at an address, once it gets there.
void write(int device, std::uintptr_t number, std::uintptr_t address, const std::string& bytes) {
    give(stream_at(device, number), [=] { std::memcpy(reinterpret_cast<void*>(address), bytes.data(), bytes.size()); });
}

void copy(int device, std::uintptr_t number, std::uintptr_t target, std::uintptr_t source, std::size_t bytes) {
    give(stream_at(device, number),
         [=] { std::memcpy(reinterpret_cast<void*>(target), reinterpret_cast<const void*>(source), bytes); });
}

} // namespace

PYBIND11_MODULE(simulation, module) {
    module.doc() = "The CUDA runtime that tests play.";
    module.def(
        "new_block",
        [](int type, int device, std::size_t bytes) {
            return reinterpret_cast<std::uintptr_t>(new_block(static_cast<cudaMemoryType>(type), device, bytes));
        },
        "The address of new memory that lives until `reset`.");
    module.def("write", [](int device, std::uintptr_t number, std::uintptr_t address, const py::bytes& bytes) {
        write(device, number, address, bytes);
    });
    module.def("copy", copy);
    module.def("run", [](const std::vector<std::pair<int, std::uintptr_t>>& order) {
        std::vector<stream> streams;
        for (const auto& [device, number] : order) streams.push_back({device, number});
        return run(streams);
    });
    module.def("begin_capture",
               [](int device, std::uintptr_t number, bool global) { return begin_capture({device, number}, global); });
    module.def("end_capture", end_capture);
    module.def("replay", [](graph what, int device, std::uintptr_t number) { replay(what, {device, number}); });
    module.def("unreleased", unreleased);
    module.def("calls", [] { return calls; });
    module.def("fail_after", fail_after);
    module.def("current_device", [] {
        int device = -1;
        cudaGetDevice(&device);
        return device;
    });
    module.def("set_device", cudaSetDevice);
    module.def("pending_error", [] { return static_cast<int>(cudaGetLastError()); });
    module.def("reset", reset);
}
