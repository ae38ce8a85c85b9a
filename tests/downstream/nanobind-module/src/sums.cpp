#include <numpy_bridge/nanobind.hpp>

#include "total.hpp"

using namespace numpy_bridge;

NB_MODULE(MODULE, m) {
    m.def("total", [](borrowed<const double, c_contiguous> x) {
        dims strides;
        return total(x.description(strides));
    });
}
