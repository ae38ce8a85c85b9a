#include <algorithm>
#include <cstring>
#include <memory>

#include "late_streams.hpp"

namespace late_cuda {

namespace {

constexpr std::size_t alignment = 256; // cudaMalloc's

struct block {
    std::unique_ptr<std::byte[]> whole;
    std::byte* data;
    std::size_t bytes;
    cudaPointerAttributes place;
    bool by_call; ///< to be released by one, too
};
std::vector<block> blocks; // what was released stays here: late work may still write it

block& add_block(cudaMemoryType type, int device, std::size_t bytes, bool by_call) {
    auto whole = std::make_unique<std::byte[]>(bytes + alignment);
    const auto address = reinterpret_cast<std::uintptr_t>(whole.get());
    std::byte* data = whole.get() + (alignment - address % alignment) % alignment;
    blocks.push_back({std::move(whole), data, bytes, {type, device}, by_call});
    return blocks.back();
}

} // namespace

std::byte* new_block(cudaMemoryType type, int device, std::size_t bytes) {
    return add_block(type, device, bytes, false).data;
}

cudaPointerAttributes place_of(const void* address) {
    const auto* byte = static_cast<const std::byte*>(address);
    const auto found = std::find_if(blocks.begin(), blocks.end(),
                                    [&](const block& b) { return byte >= b.data && byte < b.data + b.bytes; });
    return found == blocks.end() ? cudaPointerAttributes{cudaMemoryTypeUnregistered, -1} : found->place;
}

cudaError_t allocate(void** data, int device, std::size_t bytes) {
    const auto released = std::find_if(blocks.begin(), blocks.end(), [&](const block& b) {
        return b.place.type == cudaMemoryTypeUnregistered && b.bytes == bytes;
    });
    if (released != blocks.end()) { // is given to the next one who asks
        released->place = {cudaMemoryTypeDevice, device};
        released->by_call = true;
        *data = released->data;
        return cudaSuccess;
    }
    *data = add_block(cudaMemoryTypeDevice, device, bytes, true).data;
    return cudaSuccess;
}

cudaError_t release(void* data) {
    const auto found = std::find_if(blocks.begin(), blocks.end(), [&](const block& b) { return b.data == data; });
    if (found == blocks.end() || !found->by_call) return cudaErrorInvalidValue;
    std::memset(found->data, 0xdd, found->bytes);
    found->place = {cudaMemoryTypeUnregistered, -1};
    found->by_call = false;
    return cudaSuccess;
}

int unreleased_blocks() {
    return static_cast<int>(std::count_if(blocks.begin(), blocks.end(), [](const block& b) { return b.by_call; }));
}

void reset_memory() { blocks.clear(); }

} // namespace late_cuda
