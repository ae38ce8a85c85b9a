/// Memory for the length of an operation.
#pragma once

#include <cstddef>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <numpy_bridge/version.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// A block that is not initialised, for a copy of an operand.
class scratch {
public:
    explicit scratch(std::size_t size)
        : size_(size + page),
          block_(static_cast<std::byte*>(::operator new(size_, alignment()))) {
#if defined(__linux__)
        // To touch small pages for the first time takes longer than to copy into them. The advice may be refused.
        if (is_large()) madvise(block_, size_, MADV_HUGEPAGE);
#endif
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    ~scratch() { ::operator delete(block_, alignment()); }

    /// In the middle of a page, as arrays begin near the start of one. Processors compare loads with earlier stores by
    /// their places in the page, and a copy to the same place waits for itself.
    std::byte* data() const noexcept { return block_ + page / 2; }

private:
    static constexpr std::size_t page = 4096, huge_page = std::size_t{1} << 21U;

    bool is_large() const noexcept { return size_ >= 2 * huge_page; }
    std::align_val_t alignment() const noexcept { return std::align_val_t{is_large() ? huge_page : std::size_t{64}}; }

    std::size_t size_;
    std::byte* block_;
};

NUMPY_BRIDGE_NAMESPACE_END
