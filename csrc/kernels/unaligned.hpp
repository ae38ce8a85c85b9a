/// Elements at any address.
#pragma once

#include <cstddef>
#include <cstring>

#include <numpy_bridge/version.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

template <class T> T load(const std::byte* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

template <class T> void store(std::byte* to, T value) noexcept { std::memcpy(to, &value, sizeof value); }

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
