/// What the `_core` module asks of the `_cuda` module, which may be missing. Needs no CUDA headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <numpy_bridge/memory.hpp>
#include <numpy_bridge/owner.hpp>

#include "add.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Memory that an operation works on, and the CUDA stream that work on it has been given to, as in `imported`.
struct place {
    const memory& at;
    std::uintptr_t stream;
};

/// What the CUDA driver knows of an address.
struct pointer_report {
    bool known; ///< false for memory of the host that CUDA has not seen
    numpy_bridge::device where;
};

/// Refuses memory of which CUDA says that it is elsewhere, by what it says of the first and of the last byte. Managed
/// memory is on every device, too.
inline void require_described_place(const memory& m, const pointer_report& found, const pointer_report& last) {
    const numpy_bridge::device where = found.where;
    if (!found.known)
        numpy_bridge::detail::refuse("pointer", "device", "memory that CUDA knows", name_of(m.device),
                                     "other memory of the host is on 'cpu'");
    const bool on_any_device = where.type == device_type::cuda_managed && m.device.type == device_type::cuda;
    const bool as_described =
        where.type == m.device.type && (where.index == m.device.index || where.type != device_type::cuda);
    if (!on_any_device && !as_described)
        numpy_bridge::detail::refuse("pointer", "device", name_of(where) + ", where CUDA says that it is",
                                     name_of(m.device));
    if (!last.known || last.where.type != where.type || last.where.index != where.index)
        numpy_bridge::detail::refuse("pointer", "shape", "elements that all lie on " + name_of(where),
                                     text_of(m.shape, m.ndim) + ", of which the last byte is elsewhere",
                                     "the block of memory is smaller: count its elements, not its bytes");
}

/// Operations on checked arguments. They return once the work is queued, unless they say otherwise, and throw
/// cuda_error.
class cuda_backend {
public:
    /// Why CUDA cannot be used; empty if it can.
    virtual std::string unavailable() const = 0;

    /// x += y on one device, as their dtype is added. `strides` are y's for x's shape; `interferes` says that y has to
    /// be read first.
    virtual void add(addition how, const place& x, const place& y, const dims& strides, bool interferes) const = 0;

    /// x += the element at `value`, in memory of the host.
    virtual void add_value(addition how, const place& x, const std::byte* value) const = 0;

    /// target = source, of which one at least is on a device. Waits where memory of the host is written or read, unless
    /// `non_blocking` and that memory is pinned.
    virtual void copy(const place& target, const place& source, const dims& strides, bool interferes,
                      bool non_blocking) const = 0;

    virtual pointer_report inspect(const void* pointer) const = 0;

    /// Lets what is given to the stream `later` of a device from now on wait for what has been given to `earlier`.
    virtual void order(int device, std::uintptr_t earlier, std::uintptr_t later) const = 0;

    /// New memory on a device, of 1 byte at least; its address is the owner's context. Releasing it waits for all work
    /// on the device, as nobody knows which streams it has been used on. Refused for memory of a stream that is
    /// captured; the captures of others go on.
    virtual owner allocate(std::int64_t bytes, int device, std::uintptr_t stream) const = 0;

protected:
    ~cuda_backend() = default;
};

/// Name of the capsule that the attribute `_backend` of the module is.
inline constexpr const char* cuda_backend_capsule = "numpy_bridge cuda_backend " NUMPY_BRIDGE_VERSION;

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
