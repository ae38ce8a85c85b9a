#include <algorithm>
#include <cstdint>
#include <optional>

#include <numpy_bridge/pybind11.hpp>

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

using array = borrowed<float, ndim<2>, c_contiguous>;
using unchecked_array = borrowed<float, ndim<2>, c_contiguous, unchecked>;
using input = borrowed<const float, ndim<2>, c_contiguous>;
using raw_bytes = borrowed<const std::uint8_t, ndim<1>, c_contiguous>;
using kept = shared<float, ndim<2>, c_contiguous>;

volatile float sink;

template <class X> void add(const X& x, const X& y, const X& z) { z(0, 0) = x(0, 0) + y(0, 0); }

/// The function `add` with its arrays in each form.
void bind_forms(py::module_& m) {
    m.def("by_value", [](array x, array y, array z) { add(x, y, z); });
    m.def("by_rvalue", [](array&& x, array&& y, array&& z) { add(x, y, z); });
    m.def("by_pointer", [](const array* x, const array* y, const array* z) { add(*x, *y, *z); });
    m.def("optional", [](const std::optional<array>& x, const std::optional<array>& y, const std::optional<array>& z) {
        add(*x, *y, *z);
    });
    m.def("last", [](py::object, py::object, py::object, const array& z) { z(0, 0) = 1; });
    m.def("shares", [](const kept& x, const kept& y, const kept& z) { add(x, y, z); });
    m.def(
        "released", [](const array& x, const array& y, const array& z) { add(x, y, z); },
        py::call_guard<py::gil_scoped_release>());
}

void bind_results(py::module_& m) {
    m.def("small", [] {
        fresh<float, ndim<2>> out({5, 2});
        std::fill(out.begin(), out.end(), 1.0F);
        return out;
    });
    m.def("large", [] {
        fresh<float, ndim<1>> out({16 << 20});
        std::fill(out.begin(), out.end(), 1.0F);
        return out;
    });
}

} // namespace

PYBIND11_MODULE(call_ours, m) {
    m.def("arrays", [](const array& x, const array& y, const array& z) { add(x, y, z); });
    m.def("unchecked",
          [](const unchecked_array& x, const unchecked_array& y, const unchecked_array& z) { add(x, y, z); });
    m.def("inputs", [](const input& x, const input& y, const input& z) { sink = x(0, 0) + y(0, 0) + z(0, 0); });
    m.def("bytes", [](const raw_bytes& x, const raw_bytes& y, const raw_bytes& z) {
        sink = static_cast<float>(x(0) + y(0) + z(0));
    });
    m.def("objects", [](py::object, py::object, py::object) {});
    m.def("overloaded", [](const borrowed<const std::int32_t>&) {});
    m.def("overloaded", [](const borrowed<const std::int64_t>&) {});
    m.def("overloaded", [](const borrowed<const double>&) {});
    m.def("overloaded", [](const borrowed<const float>&) {});
    bind_forms(m);
    bind_results(m);
}
