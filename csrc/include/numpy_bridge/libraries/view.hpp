/// numpy_bridge.View, as other extension modules read it: through functions that its type publishes.
///
/// A module must not depend on the layout of a View, which another version of numpy_bridge may have made.
#pragma once

#include <atomic>
#include <cstdint>

#include <numpy_bridge/dlpack.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// Memory on the CPU. The extents are the View's own, and a View never changes.
struct view_memory {
    void* data; ///< the first element
    dlpack::data_type type;
    std::int32_t ndim;
    std::int32_t readonly; ///< 0 or 1
    const std::int64_t* shape;
    const std::int64_t* strides; ///< bytes
};

/// What `View.__numpy_bridge_view__` holds, in a capsule. It is an ABI: another layout needs another name.
struct view_functions {
    PyTypeObject* type; ///< the exact type of the objects that the functions take

    /// The object that the View has its memory from, borrowed; null if there is none. Runs no Python code.
    PyObject* (*origin)(PyObject* view);

    /// Describes the memory; false if it is elsewhere than on the CPU, or of elements that DLPack has no type for. Sets
    /// no exception and runs no Python code.
    bool (*read)(PyObject* view, view_memory* out);
};

inline constexpr const char* view_capsule_name = "numpy_bridge.view.1";

/// The functions that were found last. Their type is kept for the life of the process.
inline std::atomic<const view_functions*> known_view_functions{nullptr};

/// The functions for `x` if Views are known and it is one, else null. Looks nothing up.
inline const view_functions* known_functions_of(PyObject* x) noexcept {
    const view_functions* known = known_view_functions.load(std::memory_order_acquire);
    return known != nullptr && Py_TYPE(x) == known->type ? known : nullptr;
}

/// The functions for `x`, or null if it is no View. Looks them up in its type and then knows them.
const view_functions* find_functions_of(PyObject* x);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/view.cpp"
#endif
