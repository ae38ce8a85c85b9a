#include <cstdint>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace nb = nanobind;

namespace {

using array = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using input = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using raw_bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

volatile float sink;

} // namespace

NB_MODULE(call_nanobind, m) {
    m.def("arrays", [](array x, array y, array z) { z(0, 0) = x(0, 0) + y(0, 0); });
    m.def("inputs", [](input x, input y, input z) { sink = x(0, 0) + y(0, 0) + z(0, 0); });
    m.def("bytes", [](raw_bytes x, raw_bytes y, raw_bytes z) { sink = static_cast<float>(x(0) + y(0) + z(0)); });
    m.def("objects", [](nb::object, nb::object, nb::object) {});
    m.def("last", [](nb::object, nb::object, nb::object, array z) { z(0, 0) = 1; });
    m.def(
        "released", [](array x, array y, array z) { z(0, 0) = x(0, 0) + y(0, 0); },
        nb::call_guard<nb::gil_scoped_release>());
    m.def("overloaded", [](nb::ndarray<const std::int32_t, nb::device::cpu>) {});
    m.def("overloaded", [](nb::ndarray<const std::int64_t, nb::device::cpu>) {});
    m.def("overloaded", [](nb::ndarray<const double, nb::device::cpu>) {});
    m.def("overloaded", [](nb::ndarray<const float, nb::device::cpu>) {});
}
