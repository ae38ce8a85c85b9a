/// The same index with py::array_t, for the benchmark.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace {

using array = py::array_t<float, py::array::c_style | py::array::forcecast>;

class point_index {
public:
    explicit point_index(array x) : points_(std::move(x)) {
        if (points_.ndim() != 2) throw py::value_error("points: expected 2 dimensions");
    }

    py::tuple search(const array& x, py::ssize_t k) const {
        if (x.ndim() != 2 || x.shape(1) != points_.shape(1)) throw py::value_error("queries: wrong shape");
        const py::ssize_t size = points_.shape(0), dimensions = points_.shape(1), count = x.shape(0);
        if (k < 1 || k > size) throw py::value_error("k: out of range");
        py::array_t<std::int64_t> rows({count, k});
        py::array_t<float> distances({count, k});
        const float* points = points_.data();
        const float* queries = x.data();
        std::int64_t* row_out = rows.mutable_data();
        float* distance_out = distances.mutable_data();
        {
            const py::gil_scoped_release others_may_run;
            std::vector<std::pair<float, std::int64_t>> found(static_cast<std::size_t>(size));
            for (py::ssize_t i = 0; i < count; ++i) {
                for (py::ssize_t j = 0; j < size; ++j) {
                    float sum = 0;
                    for (py::ssize_t d = 0; d < dimensions; ++d) {
                        const float difference = queries[i * dimensions + d] - points[j * dimensions + d];
                        sum += difference * difference;
                    }
                    found[static_cast<std::size_t>(j)] = {sum, j};
                }
                std::partial_sort(found.begin(), found.begin() + k, found.end());
                for (py::ssize_t j = 0; j < k; ++j) {
                    row_out[i * k + j] = found[static_cast<std::size_t>(j)].second;
                    distance_out[i * k + j] = std::sqrt(found[static_cast<std::size_t>(j)].first);
                }
            }
        }
        return py::make_tuple(rows, distances);
    }

private:
    array points_;
};

} // namespace

PYBIND11_MODULE(_by_array_t, module) {
    py::class_<point_index>(module, "Index")
        .def(py::init<array>(), py::arg("points"))
        .def("search", &point_index::search, py::arg("queries"), py::arg("k") = 1);
}
