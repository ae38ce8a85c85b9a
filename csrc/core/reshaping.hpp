/// The same memory in another shape, or as elements of another size.
#pragma once

#include <numpy_bridge/imported.hpp>

namespace numpy_bridge {

/// Writes the strides of `from` in another shape with as many elements to `strides`. False if these elements have no
/// such strides, so that a copy would be needed.
bool reshape_strides(const layout& from, int ndim, const std::int64_t* shape, std::int64_t* strides) noexcept;

/// Fits the last axis to elements that had `old_size` bytes and now have another size, by the rules of
/// `numpy.ndarray.view`. `m` has the extents of `shape` and `strides`. Raises sharing_error if the bytes are no such
/// elements.
void fit_last_axis(const memory& m, std::int64_t old_size, dims& shape, dims& strides);

} // namespace numpy_bridge
