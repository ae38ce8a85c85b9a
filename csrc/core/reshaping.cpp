#include "reshaping.hpp"

#include <algorithm>
#include <string>

namespace numpy_bridge {

namespace {

/// Axes of a layout that are longer than 1. Others can have any stride.
struct long_axes {
    explicit long_axes(const layout& l) {
        for (int i = 0; i < l.ndim; ++i) {
            if (l.shape[i] == 1) continue;
            shape[static_cast<std::size_t>(count)] = l.shape[i];
            strides[static_cast<std::size_t>(count)] = l.strides[i];
            ++count;
        }
    }
    int count = 0;
    dims shape, strides;
};

} // namespace

/// Pairs the smallest runs of old and new axes that have as many elements. The old ones must be one regular sequence,
/// which the new ones divide anew.
bool reshape_strides(const layout& from, int ndim, const std::int64_t* shape, std::int64_t* strides) noexcept {
    fill_c_strides(ndim, shape, from.itemsize, strides);
    if (is_empty(from) || is_c_contiguous(from)) return true;
    const long_axes old(from);
    int begin = 0, first = 0;
    while (begin < old.count) {
        int end = begin + 1, last = first;
        std::int64_t old_count = old.shape[static_cast<std::size_t>(begin)], new_count = 1;
        while (old_count != new_count) {
            if (new_count < old_count) new_count *= shape[last++];
            else old_count *= old.shape[static_cast<std::size_t>(end++)];
        }
        for (auto i = static_cast<std::size_t>(begin); i + 1 < static_cast<std::size_t>(end); ++i)
            if (old.strides[i] != old.strides[i + 1] * old.shape[i + 1]) return false;
        std::int64_t step = old.strides[static_cast<std::size_t>(end - 1)];
        for (int i = last - 1; i >= first; --i) {
            strides[i] = step;
            step *= shape[i];
        }
        begin = end;
        first = last;
    }
    return true;
}

void fit_last_axis(const memory& m, std::int64_t old_size, dims& shape, dims& strides) {
    const std::int64_t new_size = itemsize(m);
    if (old_size == new_size) return;
    const std::string sizes =
        "elements of " + std::to_string(new_size) + " bytes from those of " + std::to_string(old_size);
    if (m.ndim == 0) engine::refuse("cast", "ndim", "1 or more dimensions for " + sizes, "0", "reshape it to (1,)");
    std::int64_t &extent = shape[static_cast<std::size_t>(m.ndim - 1)],
                 &stride = strides[static_cast<std::size_t>(m.ndim - 1)];
    if (stride != old_size && extent > 1 && !is_empty(m))
        engine::refuse("cast", "strides", "a last axis without gaps for " + sizes,
                       "a stride of " + std::to_string(stride),
                       "take a copy first: numpy_bridge.view(numpy.ascontiguousarray(v))");
    const std::int64_t bytes = extent * old_size;
    if (bytes % new_size != 0)
        engine::refuse("cast", "shape", "a last axis of a multiple of " + std::to_string(new_size) + " bytes",
                       std::to_string(bytes) + " bytes");
    extent = bytes / new_size;
    stride = new_size;
}

} // namespace numpy_bridge
