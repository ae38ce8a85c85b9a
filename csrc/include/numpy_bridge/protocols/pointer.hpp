/// Raw pointers, import: memory whose description comes from the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <numpy_bridge/imported.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Describes `data` as an array. `strides` are bytes; without them memory is in C order. The caller
/// guarantees the address: it is never read here.
void import_pointer(std::byte* data, element_type type, device where, bool readonly,
                    const std::vector<std::int64_t>& shape, const std::optional<std::vector<std::int64_t>>& strides,
                    imported& out);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/protocols/pointer.cpp"
#endif
