/// The `_cuda` extension module: kernels for CUDA devices, loaded when device memory is met.
#include <pybind11/pybind11.h>

#include "backend.hpp"
#include "info.hpp"

PYBIND11_MODULE(_cuda, module) {
    module.doc() = "CUDA kernels of numpy_bridge.";
    numpy_bridge::register_info(module);
    module.attr("_backend") =
        pybind11::capsule(&numpy_bridge::cuda::backend(), numpy_bridge::kernels::cuda_backend_capsule);
}
