#include <numpy_bridge/nanobind.hpp>

namespace nb = nanobind;
using namespace nb::literals;
using namespace numpy_bridge;

NB_MODULE(nanobind_example_ext, m) {
    m.doc() = "This is a \"hello world\" example with nanobind";
    m.def("add", [](int a, int b) { return a + b; }, "a"_a, "b"_a);
    m.def(
        "scale",
        [](borrowed<float> x, float k) {
            if (x.ndim() != 1) throw nb::value_error("one dimension");
            for (std::int64_t i = 0; i < x.size(); ++i) x(i) *= k;
        },
        "x"_a, "k"_a);
}
