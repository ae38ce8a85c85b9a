/// biquad: filters of second order, for blocks of audio as they come.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include <numpy_bridge/pybind11.hpp>

namespace py = pybind11;
namespace nb = numpy_bridge;

namespace {

/// Frames, or channels by frames, of any strides: interleaved channels are `block.T`.
template <class T> using audio = nb::borrowed<T, nb::ndim_between<1, 2>>;
using samples = nb::one_of<float, double>;

/// y[n] = b0 x[n] + b1 x[n-1] + b2 x[n-2] - a1 y[n-1] - a2 y[n-2], for each channel, across blocks.
class biquad {
public:
    biquad(const std::array<double, 3>& b, const std::array<double, 2>& a, std::int64_t channels)
        : b_(b),
          a_(a),
          channels_(channels) {
        if (channels < 1) throw py::value_error("channels: expected 1 or more");
        state_.resize(static_cast<std::size_t>(2 * channels));
    }

    /// What the filter remembers: two numbers for each channel. The array shares this memory.
    nb::aliased<double> state() { return nb::alias(state_.data(), {channels_, 2}); }

    void process(const audio<samples>& x) {
        nb::visit(x, [&](auto typed) { filter(typed, typed); });
    }

    /// The same into a new array of the block's library.
    py::object filtered(const audio<const samples>& x) {
        const auto out = nb::fresh_like(x);
        nb::visit(x, [&](auto typed) { filter(typed, out.template as<typename decltype(typed)::value_type>()); });
        return out.object();
    }

private:
    template <class In, class Out> void filter(const In& in, const Out& out) {
        const int time = in.ndim() - 1; // the axis of the frames
        const std::int64_t channels = time == 0 ? 1 : in.shape(0);
        if (channels != channels_)
            throw py::value_error("block: expected " + std::to_string(channels_) + " channels; got " +
                                  std::to_string(channels));
        for (std::int64_t c = 0; c < channels; ++c)
            filter_channel(c, in.shape(time), in.data() + c * in.stride(0), in.stride(time),
                           out.data() + c * out.stride(0), out.stride(time));
    }

    template <class T>
    void filter_channel(std::int64_t channel, std::int64_t frames, const T* in, std::int64_t step, T* out,
                        std::int64_t out_step) {
        double* const state = &state_[static_cast<std::size_t>(2 * channel)];
        double first = state[0], second = state[1];
        for (std::int64_t i = 0; i < frames; ++i) {
            const double x = in[i * step], y = b_[0] * x + first;
            first = b_[1] * x - a_[0] * y + second;
            second = b_[2] * x - a_[1] * y;
            out[i * out_step] = static_cast<T>(y);
        }
        state[0] = first;
        state[1] = second;
    }

    std::array<double, 3> b_;
    std::array<double, 2> a_;
    std::int64_t channels_;
    std::vector<double> state_;
};

} // namespace

PYBIND11_MODULE(_core, module) {
    py::class_<biquad>(module, "Biquad", "A filter of second order, with the state of its channels.")
        .def(py::init<const std::array<double, 3>&, const std::array<double, 2>&, std::int64_t>(), py::arg("b"),
             py::arg("a"), py::arg("channels") = 1)
        .def_property_readonly("state", &biquad::state)
        .def("process", &biquad::process, py::arg("block"), "Filter a block in place.")
        .def("filtered", &biquad::filtered, py::arg("block"), "The filtered block, as a new array of its library.");
}
