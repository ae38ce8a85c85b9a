/// Ownership of a block of memory.
#pragma once

#include <memory>

#include <numpy_bridge/version.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Releases `context`. Must be callable on any thread, with or without the GIL,
/// and must not throw.
using release_function = void (*)(void* context);

/// Owns a resource and releases it exactly once. May be empty.
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
