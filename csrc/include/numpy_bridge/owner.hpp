/// What keeps a block of memory alive.
#pragma once

#include <memory>

#include <numpy_bridge/version.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Releases whatever `context` stands for. Must be callable on any thread, with or without the GIL,
/// and must not throw.
using release_function = void (*)(void* context);

/// The sole right, and duty, to release something once. Empty when there is nothing to release.
class owner {
public:
    owner() noexcept : holder_(nullptr, [](void*) {}) {}
    owner(void* context, release_function release) noexcept : holder_(context, release) {}

    explicit operator bool() const noexcept { return holder_ != nullptr; }
    void* context() const noexcept { return holder_.get(); }
    bool releases_with(release_function release) const noexcept {
        return holder_ != nullptr && holder_.get_deleter() == release;
    }
    void reset() noexcept { holder_.reset(); }

private:
    std::unique_ptr<void, release_function> holder_;
};

NUMPY_BRIDGE_NAMESPACE_END
