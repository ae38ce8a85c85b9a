/// Memory that is kept until the work on it is done.
#pragma once

#include <cstdint>

#include <numpy_bridge/imported.hpp>

namespace numpy_bridge {

/// Whether an owner may free or reuse this memory before the work that has been queued on it. Owners that name their
/// stream free it in the order of that stream, which waits for the work.
inline bool is_freed_in_any_order(const imported& in) noexcept {
    return is_cuda(in.description.device) && in.owners_stream == nullptr;
}

/// Keeps `object` and the anchors of `in` until all work that the stream of the device has been given is done. Takes
/// the anchors out of `in`. Without kernels nothing is kept.
void keep_until_done(device where, std::uintptr_t stream, PyObject* object, imported& in);

} // namespace numpy_bridge
