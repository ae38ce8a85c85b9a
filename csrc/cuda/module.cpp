/// The `_cuda` extension module: kernels for CUDA devices. `_core` imports it with the first memory on a device.
#include <pybind11/pybind11.h>

#include "backend.hpp"
#include "info.hpp"

PYBIND11_MODULE(_cuda, module) {
    module.doc() = "CUDA kernels of numpy_bridge.";
    numpy_bridge::register_info(module);
    module.def(
        "release_finished", [] { numpy_bridge::cuda::backend().release_finished(); },
        "Release the memory that was kept until work on it was done, where it is done. Waits for nothing.");
    pybind11::module_::import("atexit").attr("register")(module.attr("release_finished"));
    module.attr("_backend") = pybind11::capsule(&numpy_bridge::cuda::backend(), numpy_bridge::cuda_backend_capsule);
}
