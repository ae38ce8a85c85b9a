/// One operation on a CUDA device: its stream, what waits for it, and what is kept until it is done.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "cuda/interface.hpp"
#include "operands.hpp"

namespace numpy_bridge {

/// Does nothing for operands on the host.
class device_work {
public:
    /// An operation on the device `where`. `named` is the stream that its caller names, or 0. Raises sharing_error in
    /// the name of `operation` if a stream is named for memory of the host.
    device_work(const char* operation, std::uintptr_t named, device where);

    /// The memory of an operand, the target first, and the stream to use it on. A stream that the caller has named
    /// waits for all work on the operand's own. Runs no Python code once kernels are loaded.
    memory_on_stream use(operand& each);

    /// Call it once the work is queued. The operands' own streams wait for a named one, and memory that may be freed in
    /// any order is kept, with memory of the host. Then the code of owners may run: what is no longer needed is
    /// released. `waited` says that the work is done already.
    void finish(bool waited = false);

private:
    bool is_here(const operand& each) const noexcept;
    std::uintptr_t stream() const noexcept;
    void order_operands(const cuda_backend& kernels) const;

    std::uintptr_t named_;
    device where_;
    std::array<operand*, 2> used_{};
    std::size_t count_ = 0;
};

} // namespace numpy_bridge
