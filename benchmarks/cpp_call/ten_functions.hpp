// Ten functions with array arguments, for both libraries; `ten_nanobind.cpp` has the same. Each source file beside this
// one names its library `bound_by`.
#pragma once

#include <cstdint>

using namespace numpy_bridge;

namespace {

template <class T> using vector = borrowed<T, ndim<1>, c_contiguous>;
template <class T> using matrix = borrowed<T, ndim<2>, c_contiguous>;
template <class T> using image = borrowed<T, ndim<3>>;

template <class Module> void bind_functions(Module& m) {
    m.def("scale", [](vector<float> x, float k) { x(0) *= k; }, bound_by::arg("x"), bound_by::arg("k"));
    m.def("offset", [](vector<double> x, double k) { x(0) += k; }, bound_by::arg("x"), bound_by::arg("k"));
    m.def(
        "dot", [](vector<const float> x, vector<const float> y) { return x(0) * y(0); }, bound_by::arg("x"),
        bound_by::arg("y"));
    m.def("add", [](matrix<const float> x, matrix<const float> y, matrix<float> z) { z(0, 0) = x(0, 0) + y(0, 0); });
    m.def("subtract",
          [](matrix<const double> x, matrix<const double> y, matrix<double> z) { z(0, 0) = x(0, 0) - y(0, 0); });
    m.def("count", [](vector<const std::int64_t> x) { return x.size(); }, bound_by::arg("x"));
    m.def("gather",
          [](matrix<const float> x, vector<const std::int64_t> at, vector<float> out) { out(0) = x(at(0), 0); });
    m.def("threshold", [](image<std::uint8_t> x, int level) { x(0, 0, 0) = x(0, 0, 0) > level; });
    m.def("blend", [](image<const std::uint8_t> x, image<const std::uint8_t> y, image<std::uint8_t> z) {
        z(0, 0, 0) = static_cast<std::uint8_t>((x(0, 0, 0) + y(0, 0, 0)) / 2);
    });
    m.def("trace", [](matrix<const double> x) { return x(0, 0); }, bound_by::arg("x"));
}

} // namespace
