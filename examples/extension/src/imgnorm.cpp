/// imgnorm: images as cameras and decoders give them become what networks take, in one pass over memory.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include <numpy_bridge/pybind11.hpp>

namespace py = pybind11;
namespace nb = numpy_bridge;

namespace {

/// Rows, columns, channels. Strides may be any, so that crops and mirrored images come as they are.
using image = nb::borrowed<const std::uint8_t, nb::extents<-1, -1, 3>>;

/// Channels, rows, columns.
using planes = nb::borrowed<float, nb::extents<3, -1, -1>, nb::c_contiguous>;

using per_channel = std::array<float, 3>;

/// out[c, i, j] = (in[i, j, c] / 255 - mean[c]) / std[c]
void normalize_into(float* out, const image& in, const per_channel& mean, const per_channel& std) {
    for (std::size_t c = 0; c < 3; ++c) {
        const float factor = 1 / (255 * std[c]);
        const float offset = -mean[c] / std[c];
        for (std::int64_t i = 0; i < in.shape(0); ++i)
            for (std::int64_t j = 0; j < in.shape(1); ++j) *out++ = static_cast<float>(in(i, j, c)) * factor + offset;
    }
}

py::object normalize(const image& in, const per_channel& mean, const per_channel& std,
                     const std::optional<planes>& out) {
    for (const float value : std)
        if (!(value > 0)) throw py::value_error("std: expected three numbers above 0");
    const std::int64_t height = in.shape(0), width = in.shape(1);

    if (out) {
        if (out->shape(1) != height || out->shape(2) != width)
            throw py::value_error("out: expected shape (3, " + std::to_string(height) + ", " + std::to_string(width) +
                                  ")");
        const nb::gil_released others_may_run(in, *out);
        normalize_into(out->data(), in, mean, std);
        return out->object();
    }
    std::vector<float> fresh(static_cast<std::size_t>(3 * height * width));
    {
        const nb::gil_released others_may_run(in);
        normalize_into(fresh.data(), in, mean, std);
    }
    return nb::to_library_of(in, nb::own(std::move(fresh), {3, height, width}));
}

} // namespace

PYBIND11_MODULE(imgnorm, module) {
    module.doc() = "Images to network input in one pass, for NumPy, PyTorch, JAX and whatever else has arrays.";
    module.def(
        "normalize", &normalize, py::arg("image"), py::arg("mean"), py::arg("std"), py::arg("out") = py::none(),
        "(image / 255 - mean) / std, with channels first.\n\n"
        "`image` is uint8 of shape (height, width, 3). The result is float32 of shape (3, height, width): `out`,\n"
        "written in place, or else a new array of the library that `image` comes from.");
}
