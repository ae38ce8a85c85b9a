/// Devices: their types, names and which of them the host can read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <numpy_bridge/dlpack.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

using dlpack::device;
using dlpack::device_type;

inline constexpr device cpu_device{device_type::cpu, 0};

/// True if the host can read the memory through its pointer.
constexpr bool host_accessible(device where) noexcept {
    switch (where.type) {
    case device_type::cpu:
    case device_type::cuda_host:
    case device_type::rocm_host:
    case device_type::cuda_managed:
        return true;
    default:
        return false;
    }
}

/// True for memory that CUDA kernels address, managed memory included.
constexpr bool is_cuda(device where) noexcept {
    return where.type == device_type::cuda || where.type == device_type::cuda_managed;
}

/// True if `data` is an opaque handle instead of an address, so that no offset can be added.
constexpr bool has_opaque_handles(device where) noexcept {
    return where.type == device_type::metal || where.type == device_type::opencl || where.type == device_type::vulkan ||
           where.type == device_type::webgpu;
}

namespace detail {

struct device_name {
    device_type type;
    std::string_view name;
};

inline constexpr device_name device_names[] = {
    {device_type::cpu, "cpu"},
    {device_type::cuda, "cuda"},
    {device_type::cuda_host, "cuda_host"},
    {device_type::cuda_managed, "cuda_managed"},
    {device_type::rocm, "rocm"},
    {device_type::rocm_host, "rocm_host"},
    {device_type::metal, "metal"},
    {device_type::opencl, "opencl"},
    {device_type::vulkan, "vulkan"},
    {device_type::oneapi, "oneapi"},
    {device_type::vpi, "vpi"},
    {device_type::extension, "extension"},
    {device_type::webgpu, "webgpu"},
    {device_type::hexagon, "hexagon"},
    {device_type::maia, "maia"},
    {device_type::trainium, "trainium"},
};

} // namespace detail

/// True for the types that DLPack has a name for.
constexpr bool is_known(device_type type) noexcept {
    for (const auto& known : detail::device_names)
        if (known.type == type) return true;
    return false;
}

/// "cpu", or the device type and its index: "cuda:0".
std::string name_of(device where);

/// Reads what `name_of` writes; the index may be missing and is then 0.
std::optional<device> parse_device(std::string_view text) noexcept;

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/device.cpp"
#endif
