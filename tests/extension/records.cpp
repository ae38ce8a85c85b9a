/// Structs, long doubles and bytes as elements.
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <vector>

#include <pybind11/stl.h>

#include <numpy_bridge/pybind11.hpp>
#include <numpy_bridge/records.hpp>

#include "register.hpp"

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

struct point {
    float x, y;
};

struct sample { // 7 bytes of padding after the tag
    std::uint8_t tag;
    double value;
    point where;
};

struct unknown {
    int number;
};

using release = py::call_guard<py::gil_scoped_release>;

double total(const borrowed<const sample, ndim<1>>& samples) {
    double sum = 0;
    for (std::int64_t i = 0; i < samples.shape(0); ++i) sum += samples(i).value;
    return sum;
}

std::uint64_t sum_of_bytes(const borrowed<const std::byte, any_contiguous>& bytes) {
    return std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0},
                           [](std::uint64_t sum, std::byte b) { return sum + std::to_integer<std::uint64_t>(b); });
}

void register_structs(py::module_& m) {
    m.def(
        "shift",
        [](borrowed<point> points, float by) {
            for (std::int64_t i = 0; i < points.shape(0); ++i) points(i).x += by;
        },
        py::arg("points"), py::arg("by"));
    m.def("total", &total, py::arg("samples"));
    m.def("total_released", &total, py::arg("samples"), release());
    m.def(
        "total_of_copy",
        [](const borrowed<const sample, ndim<1>, allow_copy>& samples) {
            double sum = 0;
            for (std::int64_t i = 0; i < samples.shape(0); ++i) sum += samples(i).value;
            return py::make_tuple(sum, samples.copied());
        },
        py::arg("samples"));
    m.def("total_after_cast", [](const borrowed<const sample, ndim<1>, allow_cast>& samples) {
        return samples.empty() ? 0.0 : samples(samples.shape(0) - 1).value;
    });
    m.def(
        "values_of",
        [](const borrowed<const point, ndim<1>, array_like>& points) {
            std::vector<float> values;
            for (std::int64_t i = 0; i < points.size(); ++i) values.insert(values.end(), {points(i).x, points(i).y});
            return values;
        },
        py::arg("points"));
    m.def(
        "long_doubles",
        [](const borrowed<const long double, ndim<1>, array_like>& x) {
            return std::vector<double>(x.data(), x.data() + x.size());
        },
        py::arg("x"));
    m.def("tags", [](const std::vector<borrowed<const sample, ndim<1>>>& parts) {
        std::vector<int> tags;
        for (const auto& part : parts) tags.push_back(part(0).tag);
        return tags;
    });
    m.def("y_of",
          [](const std::optional<borrowed<const point, ndim<1>>>& points) { return points ? (*points)(0).y : 0.0F; });
    m.def("made_points", [] { return own(std::vector<point>{{1, 2}, {3, 4}}); });
    m.def("view_of_points", [] { return to_view(own(std::vector<point>{{1, 2}, {3, 4}})); });
    m.def("tensor_of_points", [] { return to_torch(own(std::vector<point>{{1, 2}})); });
    m.def("unregistered", [](const borrowed<const unknown>& x) { return x(0).number; });
    m.def("one_of_both", [](const borrowed<const point>& x) { return x.size(); });
    m.def("one_of_both", [](const borrowed<const float>& x) { return -x.size(); });
}

/// Keeps points for later.
class track {
public:
    explicit track(shared<point, ndim<1>> points) : points_(std::move(points)) {}
    void move(float by) const {
        for (std::int64_t i = 0; i < points_.shape(0); ++i) points_(i).y += by;
    }

private:
    shared<point, ndim<1>> points_;
};

void register_bytes(py::module_& m) {
    m.def("sum_of_bytes", &sum_of_bytes, py::arg("x"));
    m.def("sum_of_bytes_released", &sum_of_bytes, py::arg("x"), release());
    m.def("bytes_of", [](const borrowed<const std::byte>& x) {
        const std::vector<std::int64_t> strides(x.strides(), x.strides() + x.ndim());
        return py::make_tuple(x.shape_vector(), strides, x.size());
    });
    m.def("byte_at",
          [](const borrowed<const std::byte, ndim<1>>& x, int i, int j) { return std::to_integer<int>(x(i, j)); });
    m.def(
        "clear", [](const borrowed<std::byte, c_contiguous>& x) { std::fill(x.begin(), x.end(), std::byte{0}); },
        py::arg("x"));
    m.def("sum_of_copy", [](const borrowed<const std::byte, c_contiguous, allow_copy>& x) {
        return py::make_tuple(x.size(), x.copied());
    });
    m.def("second_as_float", [](const borrowed<const std::byte>& x) {
        return x.as<const float, ndim<1>>()(1); // the caller says that they are float32
    });
}

} // namespace

void register_records(py::module_& parent) {
    PYBIND11_NUMPY_DTYPE(point, x, y);
    PYBIND11_NUMPY_DTYPE(sample, tag, value, where);
    py::module_ m = parent.def_submodule("records");
    register_structs(m);
    register_bytes(m);
    py::class_<track>(m, "Track", py::module_local())
        .def(py::init<shared<point, ndim<1>>>())
        .def("move", &track::move, py::arg("by"));
    m.attr("point") = py::dtype::of<point>();
    m.attr("sample") = py::dtype::of<sample>();
    m.def("halve", [](const borrowed<long double>& x) {
        for (std::int64_t i = 0; i < x.shape(0); ++i) x(i) /= 2;
    });
}
