/// The part of memory that an index selects, by the rules of NumPy's basic indexing.
#pragma once

#include <numpy_bridge/imported.hpp>

namespace numpy_bridge {

/// Selects `key` of `from`: integers, slices, `...` and None, or a tuple of these. Fills description and extents of
/// `out`. Raises IndexError as NumPy does, and TypeError for indices that need a copy.
void select(const memory& from, PyObject* key, imported& out);

} // namespace numpy_bridge
