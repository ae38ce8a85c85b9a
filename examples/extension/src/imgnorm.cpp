/// imgnorm: images as decoders and cameras give them become what networks take, in one pass over memory.
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include <numpy_bridge/pybind11.hpp>

namespace py = pybind11;
namespace nb = numpy_bridge;

namespace {

/// Rows, columns, channels. Of any strides, so that crops and mirrored images come as they are.
using image = nb::borrowed<const std::uint8_t, nb::extents<-1, -1, 3>>;

/// Channels, rows, columns.
using planes = nb::borrowed<float, nb::extents<3, -1, -1>, nb::c_contiguous>;

using per_channel = std::array<float, 3>;

/// planes[c, i, j] = (image[i, j, c] / 255 - mean[c]) / std[c]
void normalize_into(float* out, const image& in, const per_channel& mean, const per_channel& std) {
    for (std::int64_t c = 0; c < 3; ++c) {
        const auto channel = static_cast<std::size_t>(c);
        const float factor = 1 / (255 * std[channel]);
        const float offset = -mean[channel] / std[channel];
        for (std::int64_t i = 0; i < in.shape(0); ++i)
            for (std::int64_t j = 0; j < in.shape(1); ++j) *out++ = static_cast<float>(in(i, j, c)) * factor + offset;
    }
}

void check(const per_channel& std) {
    for (const float value : std)
        if (!(value > 0)) throw py::value_error("std: expected three numbers above 0");
}

} // namespace
