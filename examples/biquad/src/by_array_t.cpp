/// The same filter with py::array_t, for the benchmark. `process` loses its writes where array_t makes a copy: of
/// tensors, of other dtypes than float32.
#include <array>
#include <cstddef>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace {

class biquad {
public:
    biquad(const std::array<double, 3>& b, const std::array<double, 2>& a, py::ssize_t channels)
        : b_(b),
          a_(a),
          state_(static_cast<std::size_t>(2 * channels)) {}

    void process(py::array_t<float> x) { filter(x, x); }

    py::array_t<float> filtered(py::array_t<float> x) {
        py::array_t<float> out(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
        filter(x, out);
        return out;
    }

private:
    void filter(const py::array_t<float>& x, py::array_t<float>& y) {
        if (x.ndim() == 1) {
            const auto in = x.unchecked<1>();
            auto out = y.mutable_unchecked<1>();
            filter_channel(
                0, in.shape(0), [&](py::ssize_t i) { return in(i); }, [&](py::ssize_t i) -> float& { return out(i); });
        } else {
            const auto in = x.unchecked<2>();
            auto out = y.mutable_unchecked<2>();
            for (py::ssize_t c = 0; c < in.shape(0); ++c)
                filter_channel(
                    c, in.shape(1), [&](py::ssize_t i) { return in(c, i); },
                    [&](py::ssize_t i) -> float& { return out(c, i); });
        }
    }

    template <class In, class Out> void filter_channel(py::ssize_t channel, py::ssize_t frames, In in, Out out) {
        double* const state = &state_.at(static_cast<std::size_t>(2 * channel));
        double first = state[0], second = state[1];
        for (py::ssize_t i = 0; i < frames; ++i) {
            const double x = static_cast<double>(in(i)), y = b_[0] * x + first;
            first = b_[1] * x - a_[0] * y + second;
            second = b_[2] * x - a_[1] * y;
            out(i) = static_cast<float>(y);
        }
        state[0] = first;
        state[1] = second;
    }

    std::array<double, 3> b_;
    std::array<double, 2> a_;
    std::vector<double> state_;
};

} // namespace

PYBIND11_MODULE(_by_array_t, module) {
    py::class_<biquad>(module, "Biquad")
        .def(py::init<const std::array<double, 3>&, const std::array<double, 2>&, py::ssize_t>(), py::arg("b"),
             py::arg("a"), py::arg("channels") = 1)
        .def("process", &biquad::process, py::arg("block"))
        .def("filtered", &biquad::filtered, py::arg("block"));
}
