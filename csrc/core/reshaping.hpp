/// The same memory in another shape, or as elements of another size.
#pragma once

#include <numpy_bridge/imported.hpp>

namespace numpy_bridge {

/// Writes the strides of `from` in another shape with as many elements to `strides`. False if these elements have no
/// such strides, so that a copy would be needed.
bool reshape_strides(const layout& from, int ndim, const std::int64_t* shape, std::int64_t* strides) noexcept;

/// Describes the bytes of `from` as elements of `type`, by the rules of `numpy.ndarray.view`. Raises sharing_error if
/// the bytes of the last axis are no such elements.
void reinterpret(const memory& from, element_type type, imported& out);

} // namespace numpy_bridge
