// Ten functions with array arguments; `ten_functions.hpp` has the same.
#include <cstdint>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace nb = nanobind;

namespace {

template <class T> using vector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T> using matrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T> using image = nb::ndarray<T, nb::ndim<3>, nb::device::cpu>;

} // namespace

NB_MODULE(ten_nanobind, m) {
    m.def("scale", [](vector<float> x, float k) { x(0) *= k; }, nb::arg("x"), nb::arg("k"));
    m.def("offset", [](vector<double> x, double k) { x(0) += k; }, nb::arg("x"), nb::arg("k"));
    m.def("dot", [](vector<const float> x, vector<const float> y) { return x(0) * y(0); }, nb::arg("x"), nb::arg("y"));
    m.def("add", [](matrix<const float> x, matrix<const float> y, matrix<float> z) { z(0, 0) = x(0, 0) + y(0, 0); });
    m.def("subtract",
          [](matrix<const double> x, matrix<const double> y, matrix<double> z) { z(0, 0) = x(0, 0) - y(0, 0); });
    m.def("count", [](vector<const std::int64_t> x) { return x.size(); }, nb::arg("x"));
    m.def("gather",
          [](matrix<const float> x, vector<const std::int64_t> at, vector<float> out) { out(0) = x(at(0), 0); });
    m.def("threshold", [](image<std::uint8_t> x, int level) { x(0, 0, 0) = x(0, 0, 0) > level; });
    m.def("blend", [](image<const std::uint8_t> x, image<const std::uint8_t> y, image<std::uint8_t> z) {
        z(0, 0, 0) = static_cast<std::uint8_t>((x(0, 0, 0) + y(0, 0, 0)) / 2);
    });
    m.def("trace", [](matrix<const double> x) { return x(0, 0); }, nb::arg("x"));
}
