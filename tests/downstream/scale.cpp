// What the projects beside this file build, each with another build system.
#include <numpy_bridge/pybind11.hpp>

using namespace numpy_bridge;

PYBIND11_MODULE(scale, module) {
    module.def(
        "scale",
        [](borrowed<float, ndim<2>> x, float factor) {
            for (std::int64_t i = 0; i < x.shape(0); ++i)
                for (std::int64_t j = 0; j < x.shape(1); ++j) x(i, j) *= factor;
        },
        pybind11::arg("x"), pybind11::arg("factor"));
    module.attr("standard") = __cplusplus;
}
