#include "info.hpp"

#include <cstddef>
#include <string>

#include <pybind11/pybind11.h>

#include <numpy_bridge/cuda/check.hpp>

namespace numpy_bridge {

namespace {

namespace py = pybind11;

/// "13.0" for 13000.
std::string version_text(int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// "cudaErrorNoDevice: no CUDA-capable device is detected".
std::string error_text(cudaError_t error) {
    return std::string(cudaGetErrorName(error)) + ": " + cudaGetErrorString(error);
}

py::dict describe_device(int index) {
    cudaDeviceProp properties{};
    const cudaError_t error = cudaGetDeviceProperties(&properties, index);
    forget_cuda_error(error);
    py::dict device;
    device["index"] = index;
    if (error != cudaSuccess) {
        device["unavailable"] = error_text(error);
        return device;
    }
    device["name"] = properties.name;
    device["compute_capability"] = std::to_string(properties.major) + "." + std::to_string(properties.minor);
    device["memory_bytes"] = properties.totalGlobalMem;
    device["multiprocessors"] = properties.multiProcessorCount;
    return device;
}

py::dict info() {
    int driver = 0, runtime = 0, count = 0;
    forget_cuda_error(cudaDriverGetVersion(&driver)); // 0 where there is none
    forget_cuda_error(cudaRuntimeGetVersion(&runtime));
    const cudaError_t error = cudaGetDeviceCount(&count);
    forget_cuda_error(error);
    py::list devices;
    if (error == cudaSuccess)
        for (int i = 0; i < count; ++i) devices.append(describe_device(i));

    py::dict found;
    found["toolkit"] = version_text(CUDART_VERSION);
    found["architectures"] = py::str(NUMPY_BRIDGE_CUDA_ARCHITECTURES).attr("split")();
    found["driver"] = driver == 0 ? py::object(py::none()) : py::str(version_text(driver));
    found["runtime"] = version_text(runtime);
    found["devices"] = devices;
    found["unavailable"] = error == cudaSuccess ? py::object(py::none()) : py::str(error_text(error));
    return found;
}

} // namespace

void register_info(py::module_& module) {
    module.def("info", info, R"(info() -> dict

Describe the build and the CUDA devices of this machine. Never raises, and creates no context on any device.

Returns
-------
dict
    ``toolkit``: version that compiled the kernels, "13.0"; ``architectures``: their targets in CMake's notation,
    "90-real" for machine code and "120-virtual" for PTX; ``driver``: newest CUDA version that the
    driver supports, or None without a driver; ``runtime``: version of the linked CUDA runtime; ``devices``: one dict a
    device with ``index``, ``name``, ``compute_capability`` ("9.0"), ``memory_bytes`` and ``multiprocessors``;
    ``unavailable``: why CUDA cannot be used, or None.
)");
}

} // namespace numpy_bridge
