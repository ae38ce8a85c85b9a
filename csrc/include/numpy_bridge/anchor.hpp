/// Keeps imported memory alive and in place.
#pragma once

#include <utility>

#include <numpy_bridge/owner.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Everything that keeps a block of memory alive and in place: the Python object that it belongs to,
/// a second one that pins it, and a lease of the protocol. Each may be empty. Construct it with the GIL held.
/// It may be destroyed on any thread, and releases the lease first.
class anchor {
public:
    anchor() = default;
    anchor(PyObject* object, py::object pin, owner lease) noexcept
        : object_(object),
          pin_(pin.release().ptr()),
          lease_(std::move(lease)) {
        Py_XINCREF(object_);
    }
    anchor(anchor&& other) noexcept
        : object_(std::exchange(other.object_, nullptr)),
          pin_(std::exchange(other.pin_, nullptr)),
          lease_(std::move(other.lease_)) {}
    anchor& operator=(anchor&&) = delete;
    ~anchor() {
        if (object_ != nullptr || pin_ != nullptr || lease_) release();
    }

    /// Keeps an object instead of the one before. Needs the GIL.
    void keep(PyObject* object) noexcept {
        Py_XINCREF(object);
        Py_XDECREF(std::exchange(object_, object));
    }

    /// The object that the memory belongs to. Borrowed, may be null.
    PyObject* object() const noexcept { return object_; }
    const owner& lease() const noexcept { return lease_; }

    /// Shows the garbage collector the references held here.
    int traverse(visitproc visit, void* arg) const {
        Py_VISIT(object_);
        Py_VISIT(pin_);
        return 0;
    }

private:
    void release() noexcept {
        const engine::release_scope scope;
        lease_.reset();
        if (!scope.usable()) return;
        Py_XDECREF(pin_);
        Py_XDECREF(object_);
    }

    PyObject* object_ = nullptr;
    PyObject* pin_ = nullptr;
    owner lease_;
};

namespace engine {

/// A capsule that holds `kept`, for APIs that need a Python object as owner.
py::capsule capsule_over(anchor kept);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/anchor.cpp"
#endif
