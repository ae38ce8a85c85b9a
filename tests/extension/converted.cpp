/// Arguments that take more than arrays as they are: lists, ranges of dimensions, copies of the layout only; and arrays
/// out of containers, by hand.
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include <numpy_bridge/pybind11.hpp>

#include "register.hpp"

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

template <class T> py::tuple seen(const borrowed<const T, ndim<1>, array_like>& x) {
    return py::make_tuple(std::vector<T>(x.data(), x.data() + x.size()), x.copied());
}

template <class Argument> py::tuple shape_of(const Argument& x) {
    py::list shape;
    for (int i = 0; i < x.ndim(); ++i) shape.append(x.shape(i));
    return py::tuple(shape);
}

/// Keeps values that may be a copy.
class weights {
public:
    explicit weights(shared<const double, ndim<1>, array_like> values) : values_(std::move(values)) {}
    double total() const {
        double sum = 0;
        for (std::int64_t i = 0; i < values_.size(); ++i) sum += values_(i);
        return sum;
    }
    const shared<const double, ndim<1>, array_like>& values() const { return values_; }
    void set_values(shared<const double, ndim<1>, array_like> values) { values_ = std::move(values); }

private:
    shared<const double, ndim<1>, array_like> values_;
};

/// A copy of a temporary borrow would be left without memory.
using argument = borrowed<const float, ndim<1>>;
using by_hand = decltype(borrow<const float, ndim<1>>(py::handle(), ""));
static_assert(!std::is_constructible_v<argument, by_hand> && !std::is_assignable_v<argument&, by_hand>);
static_assert(std::is_constructible_v<argument, const by_hand&> && std::is_trivially_copyable_v<argument>);

void register_by_hand(py::module_& m) {
    m.def("total_of", [](const py::dict& named) {
        const auto x = borrow<const float, ndim<1>>(named["x"], "named['x']");
        float sum = 0;
        for (std::int64_t i = 0; i < x.size(); ++i) sum += x(i);
        return sum;
    });
    m.def("zero_all", [](const py::args& arrays) {
        for (const py::handle array : arrays) {
            const auto x = borrow<float, c_contiguous>(array, "array");
            std::fill(x.begin(), x.end(), 0.0F);
        }
    });
    m.def("resize_while_borrowed", [](const py::object& array) {
        const auto x = borrow<float>(array, "array");
        array.attr("resize")(1, py::arg("refcheck") = false);
    });
    m.def("shared_item", [](const py::list& list) { return share<float, ndim<1>>(list[0], "list[0]"); });
}

} // namespace

void register_converted(py::module_& parent) {
    py::module_ m = parent.def_submodule("converted");
    m.def("floats", &seen<float>, py::arg("x"));
    m.def("doubles", &seen<double>, py::arg("x"));
    m.def("bytes", &seen<std::uint8_t>, py::arg("x"));
    m.def("sizes", &seen<std::uint64_t>, py::arg("x"));
    m.def("scalar", [](const borrowed<const double, array_like>& x) { return shape_of(x); });
    m.def("overloaded", [](double) { return "number"; });
    m.def("overloaded", [](const borrowed<const double, array_like>&) { return "array"; });
    m.def(
        "packed",
        [](const borrowed<const one_of<float, double>, c_contiguous, allow_copy, keep_dtype>& x) {
            return py::make_tuple(info(x.dtype()).name, x.copied());
        },
        py::arg("x"));
    m.def("planes", [](const borrowed<const float, ndim_between<2, 3>>& x) { return shape_of(x); }, py::arg("x"));
    m.def("points", [](const borrowed<const float, trailing_extents<-1, 3>>& x) { return shape_of(x); }, py::arg("x"));
    m.def("text", [](const borrowed<const char, ndim<1>, c_contiguous>& x) { return std::string(x.begin(), x.end()); });
    m.def("rows", [](const borrowed<const float, ndim<2>>& x) {
        std::vector<float> sums;
        for (std::int64_t i = 0; i < x.shape(0); ++i) {
            const auto row = x[i];
            float sum = 0;
            for (std::int64_t j = 0; j < row.size(); ++j) sum += row(j);
            sums.push_back(sum);
        }
        return sums;
    });
    m.def("clear_every_second", [](const borrowed<float, ndim<2>>& x) {
        const auto part = x.sliced(1, 1, x.shape(1), 2);
        for (std::int64_t i = 0; i < part.shape(0); ++i)
            for (std::int64_t j = 0; j < part.shape(1); ++j) part(i, j) = 0;
    });
    m.def("sliced",
          [](const borrowed<const float, ndim<1>>& x, std::int64_t start, std::int64_t stop, std::int64_t step) {
              const auto part = x.sliced(0, start, stop, step);
              std::vector<float> values;
              for (std::int64_t i = 0; i < part.size(); ++i) values.push_back(part(i));
              return values;
          });
    m.def("dtype_of", [](const borrowed<const void, array_like>& x) { return info(x.dtype()).name; });
    py::class_<weights>(m, "Weights", py::module_local())
        .def(py::init<shared<const double, ndim<1>, array_like>>(), py::arg("values"))
        .def("total", &weights::total)
        .def_property("values", &weights::values, &weights::set_values);
    register_by_hand(m);
}
