/// nearest: for each query the k points with the smallest distances.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <numpy_bridge/pybind11.hpp>

namespace py = pybind11;
namespace nb = numpy_bridge;

namespace {

/// The caller's memory, kept. Other layouts and float16 are copied; float64 is refused, since it would be rounded.
using points = nb::shared<const float, nb::ndim<2>, nb::c_contiguous, nb::allow_copy>;

/// Used during the call only. Lists will do.
using queries = nb::borrowed<const float, nb::ndim<2>, nb::c_contiguous, nb::array_like>;

float squared_distance(const float* x, const float* y, std::int64_t dimensions) {
    float sum = 0;
    for (std::int64_t i = 0; i < dimensions; ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
    return sum;
}

class point_index {
public:
    explicit point_index(points x) : points_(std::move(x)) {}

    std::int64_t size() const { return points_.shape(0); }
    const points& source() const { return points_; }

    /// Row numbers of the k nearest points and their distances, nearest first: arrays of the queries' library.
    py::tuple search(const queries& x, std::int64_t k) const {
        if (x.shape(1) != points_.shape(1))
            throw py::value_error("queries: expected " + std::to_string(points_.shape(1)) + " columns, as the points");
        if (k < 1 || k > size()) throw py::value_error("k: expected 1 to " + std::to_string(size()));
        const std::int64_t count = x.shape(0);
        nb::fresh<std::int64_t, nb::ndim<2>> rows({count, k}, nb::dtype::int64, x.object(), x.device());
        const auto distances = nb::fresh_like<nb::ndim<2>>(x, {count, k});
        {
            const nb::gil_released others_may_run(x);
            std::vector<std::pair<float, std::int64_t>> found(static_cast<std::size_t>(size()));
            for (std::int64_t i = 0; i < count; ++i) {
                for (std::int64_t j = 0; j < size(); ++j)
                    found[static_cast<std::size_t>(j)] = {squared_distance(&x(i, 0), &points_(j, 0), x.shape(1)), j};
                std::partial_sort(found.begin(), found.begin() + k, found.end());
                for (std::int64_t j = 0; j < k; ++j) {
                    const auto& [distance, row] = found[static_cast<std::size_t>(j)];
                    rows(i, j) = row;
                    distances(i, j) = std::sqrt(distance);
                }
            }
        }
        return py::make_tuple(rows, distances);
    }

private:
    points points_;
};

} // namespace

PYBIND11_MODULE(_core, module) {
    py::class_<point_index>(module, "Index", "An index of points, which shares their memory.")
        .def(py::init<points>(), py::arg("points"))
        .def("__len__", &point_index::size)
        .def_property_readonly("points", &point_index::source)
        .def("search", &point_index::search, py::arg("queries"), py::arg("k") = 1,
             "The rows of the `k` nearest points and their distances, nearest first.");
}
