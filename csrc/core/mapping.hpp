/// Pages of a file in the memory of this process.
#pragma once

#include <cstddef>
#include <cstdint>

namespace numpy_bridge {

/// Unmapped when the last user lets go. There is no way to unmap it earlier, so nothing can dangle.
///
/// `mmap.mmap` serves the same purpose, but keeps a second descriptor open for each mapping before Python 3.13.
class mapping {
public:
    /// Maps the first `size` bytes of `descriptor`, shared with all who map it. Takes the descriptor over and keeps it
    /// open if `keep`, else leaves it to the caller. With `populate` all pages are entered at once, which is quicker
    /// than one by one if all are used, and slow if few are. Raises OSError.
    mapping(int descriptor, std::size_t size, bool writable, bool keep, bool populate);
    ~mapping();
    mapping(const mapping&) = delete;
    mapping& operator=(const mapping&) = delete;

    std::uintptr_t address() const noexcept { return reinterpret_cast<std::uintptr_t>(first_); }
    std::size_t size() const noexcept { return size_; }
    int descriptor() const noexcept { return descriptor_; } // -1 if none is kept

private:
    void* first_;
    std::size_t size_;
    int descriptor_ = -1;
};

} // namespace numpy_bridge
