/// The operands of in-place operations, borrowed for one call.
#pragma once

#include <cstddef>
#include <cstdint>

#include <numpy_bridge/imported.hpp>

#include "kept_operands.hpp"

namespace numpy_bridge {

/// Memory borrowed for one call. With `hold::nothing` no Python code may run between `require_unmoved` of the last
/// operand and the last use of the memory.
class operand {
public:
    /// Reads the memory of `x`, and where it `writes` checks that this is allowed: not read-only, not tracked by
    /// autograd. Raises sharing_error in the name of `operation`, or TypeError for objects without memory.
    /// With `hold::lasting` the block stays in place while the operand lives, so that the GIL may be released. For
    /// tensors on the host this is permanent, as with `Tensor.numpy()`: they can never be resized again.
    operand(const char* operation, PyObject* x, bool writes, engine::hold held = engine::hold::nothing);

    const memory& description() const noexcept { return in_.description; }

    /// The stream with pending work on the memory, as in `imported`.
    std::uintptr_t stream() const noexcept { return in_.stream; }

    /// See `kept_operands.hpp`. The memory must not be used any more afterwards.
    bool is_freed_in_any_order() const noexcept { return numpy_bridge::is_freed_in_any_order(in_); }
    void keep_until_done(device where, std::uintptr_t stream) {
        numpy_bridge::keep_until_done(where, stream, object_, in_);
    }

    /// Importing one operand may run Python code that moves another. Raises sharing_error if the memory is no longer
    /// where it was. Runs no Python code itself.
    void require_unmoved(const char* operation) const;

private:
    PyObject* object_;
    imported in_;
};

} // namespace numpy_bridge
