#include <numpy_bridge/libraries/library.hpp>

#include <array>
#include <stdexcept>

#include <numpy_bridge/cpython.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>
#include <numpy_bridge/libraries/view.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// The table of known libraries. Null rows are free.
NUMPY_BRIDGE_INLINE std::array<const library*, 8>& known_libraries() noexcept {
    static std::array<const library*, 8> rows = {&numpy_row(), &torch_row()};
    return rows;
}

NUMPY_BRIDGE_INLINE const library* find_library(PyObject* x) {
    for (const library* row : known_libraries()) {
        if (row == nullptr) break;
        if (row->is_mine(x)) return row;
    }
    return nullptr;
}

NUMPY_BRIDGE_INLINE PyObject* origin_of(PyObject* x) {
    if (PyMemoryView_Check(x) != 0) return exporter_of(x);
    if (PyTuple_CheckExact(x) && PyTuple_Size(x) == 2) return PyTuple_GetItem(x, 1); // of `to_numpy(tensor)`
    if (const library* known = find_library(x)) return known->origin != nullptr ? known->origin(x) : nullptr;
    const view_functions* views = find_functions_of(x);
    return views != nullptr ? views->origin(x) : nullptr;
}

NUMPY_BRIDGE_INLINE void add_library(const library& row) {
    for (const library*& free : known_libraries()) {
        if (free == &row) return;
        if (free != nullptr) continue;
        free = &row;
        return;
    }
    throw std::length_error("numpy_bridge: no room for another library");
}

/// For Python's own bytes and bytearrays.
inline constexpr dialect spelled_for_bytes = [] {
    dialect spelled = spelled_for_others;
    spelled.convert = "np.frombuffer({x}, {dtype})";
    return spelled;
}();

NUMPY_BRIDGE_INLINE const dialect& spelling_of(PyObject* x) {
    if (const library* known = find_library(x)) return known->spelled;
    return PyBytes_Check(x) != 0 || PyByteArray_Check(x) != 0 ? spelled_for_bytes : spelled_for_others;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
