#include "device_setup.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "capture_mode.hpp"
#include "kernels/add_launch.hpp"
#include "kernels/copy_launch.hpp"

namespace numpy_bridge::cuda {

namespace {

/// Values that are made once for each key, and kept for the life of the process. An error is met again at the next use.
template <class Key, class Value> class made_once {
public:
    template <class Make> Value get(const Key& key, const Make& make) {
        const std::scoped_lock lock(mutex_);
        const auto found = values_.find(key);
        return found != values_.end() ? found->second : values_.emplace(key, make()).first->second;
    }

private:
    std::mutex mutex_;
    std::map<Key, Value> values_;
};

/// An error is left to the launch of a kernel, if there is one.
bool load_modules() {
    const relaxed_capture_mode relaxed;
    for (const auto load : {kernels::load_addition, kernels::load_copy}) forget_cuda_error(load());
    return true;
}

cudaMemPool_t new_pool(int device) {
    const relaxed_capture_mode relaxed;
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location = {cudaMemLocationTypeDevice, device};
    cudaMemPool_t pool = nullptr;
    check_cuda(cudaMemPoolCreate(&pool, &properties), "cudaMemPoolCreate");
    std::uint64_t kept_bytes = std::uint64_t{256} << 20;
    forget_cuda_error(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept_bytes));
    return pool;
}

/// Errors are not reported: a copy works without, by way of the host.
void allow_access(int reader, int owner) {
    const device_guard guard(reader);
    const relaxed_capture_mode relaxed;
    int possible = 0;
    forget_cuda_error(cudaDeviceCanAccessPeer(&possible, reader, owner));
    if (possible != 0) forget_cuda_error(cudaDeviceEnablePeerAccess(owner, 0)); // an error if another library has
}

} // namespace

device_in_use::device_in_use(int device) : guard_(device) {
    static auto* const loaded = new made_once<int, bool>;
    loaded->get(device, load_modules);
}

cudaMemPool_t pool_of(int device) {
    static auto* const pools = new made_once<int, cudaMemPool_t>;
    return pools->get(device, [device] { return new_pool(device); });
}

void connect(int a, int b) {
    static auto* const connected = new made_once<std::pair<int, int>, bool>;
    connected->get(std::minmax(a, b), [a, b] {
        allow_access(a, b);
        allow_access(b, a);
        return true;
    });
}

} // namespace numpy_bridge::cuda
