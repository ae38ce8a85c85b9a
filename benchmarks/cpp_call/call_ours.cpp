#include <cstdint>

#include <numpy_bridge/pybind11.hpp>

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

using array = borrowed<float, ndim<2>, c_contiguous>;
using unchecked_array = borrowed<float, ndim<2>, c_contiguous, unchecked>;
using input = borrowed<const float, ndim<2>, c_contiguous>;
using raw_bytes = borrowed<const std::uint8_t, ndim<1>, c_contiguous>;

volatile float sink;

} // namespace

PYBIND11_MODULE(call_ours, m) {
    m.def("arrays", [](const array& x, const array& y, const array& z) { z(0, 0) = x(0, 0) + y(0, 0); });
    m.def("unchecked", [](const unchecked_array& x, const unchecked_array& y, const unchecked_array& z) {
        z(0, 0) = x(0, 0) + y(0, 0);
    });
    m.def("inputs", [](const input& x, const input& y, const input& z) { sink = x(0, 0) + y(0, 0) + z(0, 0); });
    m.def("bytes", [](const raw_bytes& x, const raw_bytes& y, const raw_bytes& z) {
        sink = static_cast<float>(x(0) + y(0) + z(0));
    });
    m.def("objects", [](py::object, py::object, py::object) {});
}
