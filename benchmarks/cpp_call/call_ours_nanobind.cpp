// call_ours.cpp, bound by nanobind.
#include <cstdint>

#include <numpy_bridge/nanobind.hpp>

using namespace numpy_bridge;

namespace {

using array = borrowed<float, ndim<2>, c_contiguous>;
using input = borrowed<const float, ndim<2>, c_contiguous>;
using raw_bytes = borrowed<const std::uint8_t, ndim<1>, c_contiguous>;

volatile float sink;

} // namespace

NB_MODULE(call_ours_nanobind, m) {
    m.def("arrays", [](const array& x, const array& y, const array& z) { z(0, 0) = x(0, 0) + y(0, 0); });
    m.def("inputs", [](const input& x, const input& y, const input& z) { sink = x(0, 0) + y(0, 0) + z(0, 0); });
    m.def("bytes", [](const raw_bytes& x, const raw_bytes& y, const raw_bytes& z) {
        sink = static_cast<float>(x(0) + y(0) + z(0));
    });
}
