/// The interface of the `_cuda` module to the `_core` module. Needs no CUDA headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <numpy_bridge/memory.hpp>
#include <numpy_bridge/owner.hpp>

namespace numpy_bridge {

/// An operand, and the CUDA stream that its pending work was queued on: a number as in `imported`.
struct memory_on_stream {
    const memory& description;
    std::uintptr_t stream;
};

/// What the CUDA driver reports about an address.
struct pointer_report {
    bool known; ///< false for host memory that was never registered with CUDA
    device where;
};

/// Memory on a device, as `allocate` has made it.
struct device_block {
    std::byte* data;
    int device;
};

/// Operations on checked arguments. Unless stated otherwise they return once the work is queued. They throw cuda_error.
class cuda_backend {
public:
    /// The reason why CUDA cannot be used; empty if it can.
    virtual std::string unavailable() const = 0;

    /// x += y on one device, where managed memory may be used on any. `strides` are those of y for x's shape. If it
    /// `interferes`, y is copied first.
    virtual void add(const memory_on_stream& x, const memory_on_stream& y, const dims& strides,
                     bool interferes) const = 0;

    /// x += the element at `value`, in host memory.
    virtual void add_value(const memory_on_stream& x, const std::byte* value) const = 0;

    /// target = source; at least one is on a device. Waits if host memory is read or written, unless `non_blocking` and
    /// that memory is pinned.
    virtual void copy(const memory_on_stream& target, const memory_on_stream& source, const dims& strides,
                      bool interferes, bool non_blocking) const = 0;

    /// `device` is the one that the pointer was described to be on: it is in use, and others may not be.
    virtual pointer_report inspect(const void* pointer, int device) const = 0;

    /// Later work on the stream `later` of a device waits for earlier work on the stream `earlier`.
    virtual void order(int device, std::uintptr_t earlier, std::uintptr_t later) const = 0;

    /// Whether a stream of a device is being captured into a graph.
    virtual bool captures(int device, std::uintptr_t stream) const = 0;

    /// Keeps `what` until all work that the stream has been given is done. It is released by a later call of this
    /// or of `release_finished`, or here if the stream is being captured.
    virtual void keep(int device, std::uintptr_t stream, owner what) const = 0;

    /// Releases what was kept and is no longer needed. Cheap if nothing was kept, and never waits.
    virtual void release_finished() const noexcept = 0;

    /// Allocates at least 1 byte on a device. Refused for a stream that is being captured; captures on other streams
    /// are not disturbed.
    virtual device_block allocate(std::int64_t bytes, int device, std::uintptr_t stream) const = 0;

    /// Waits for all work on the device, since any stream may have used the memory. Call it without the GIL.
    virtual void release(device_block block) const noexcept = 0;

protected:
    ~cuda_backend() = default;
};

/// The name of the capsule in the module's attribute `_backend`.
inline constexpr const char* cuda_backend_capsule = "numpy_bridge cuda_backend " NUMPY_BRIDGE_VERSION;

} // namespace numpy_bridge
