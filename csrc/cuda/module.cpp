/// The `_cuda` extension module: kernels for CUDA devices, loaded when device memory is met.
#include <pybind11/pybind11.h>

#include "info.hpp"

PYBIND11_MODULE(_cuda, module) {
    module.doc() = "CUDA kernels of numpy_bridge.";
    numpy_bridge::register_info(module);
}
