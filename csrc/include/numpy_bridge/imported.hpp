/// What an import yields.
#pragma once

#include <algorithm>
#include <cstdint>

#include <numpy_bridge/layout.hpp>
#include <numpy_bridge/memory.hpp>
#include <numpy_bridge/owner.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// What the importer is going to do with the memory.
enum class purpose {
    locate, ///< only compare addresses, within this call; no value is read
    share,  ///< keep a long-lived alias: every check, and the block is pinned
    copy,   ///< read the values at once: every check, no pin, and a copy that the producer made will do
};

/// A validated description, room for its extents, and what must be held besides the object itself.
///
/// Filled in place and never moved: `description` may point into `shape` and `strides`.
struct imported {
    imported() {} // NOLINT(modernize-use-equals-default): leaves the extents uninitialised on purpose
    imported(const imported&) = delete;
    imported& operator=(const imported&) = delete;

    /// Everything to hold for a long-lived share of `object`. Call once.
    anchor anchored_to(PyObject* object) { return {object, std::move(pin), std::move(lease)}; }

    /// Forgets a protocol that failed, so that the next one may try.
    void reset() {
        lease.reset();
        pin = py::object();
        stream = 0;
    }

    /// Makes the description independent of the producer, which may change or free its extents as soon
    /// as Python runs.
    void own_extents() {
        if (description.shape != shape.data()) std::copy_n(description.shape, description.ndim, shape.begin());
        if (description.strides != strides.data()) std::copy_n(description.strides, description.ndim, strides.begin());
        description.shape = shape.data();
        description.strides = strides.data();
    }

    memory description;
    /// The CUDA stream that work on the memory has been given to, as `__cuda_array_interface__` counts them:
    /// 1 is the legacy default one. 0 where there is nothing to wait for.
    std::uintptr_t stream = 0;
    py::object pin; ///< keeps the block in place, or alive where the object would not
    owner lease;    ///< a buffer export, a DLPack tensor
    dims shape;
    dims strides;
};

NUMPY_BRIDGE_NAMESPACE_END
