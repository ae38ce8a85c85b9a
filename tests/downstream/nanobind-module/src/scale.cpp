#include <numpy_bridge/nanobind.hpp>

namespace nb = nanobind;
using namespace numpy_bridge;

NB_MODULE(scale, m) {
    m.def(
        "scale",
        [](borrowed<float, ndim<2>> x, float factor) {
            for (std::int64_t i = 0; i < x.shape(0); ++i)
                for (std::int64_t j = 0; j < x.shape(1); ++j) x(i, j) *= factor;
        },
        nb::arg("x"), nb::arg("factor"));
}
