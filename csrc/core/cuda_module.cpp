#include "cuda_module.hpp"

#include <atomic>
#include <string>

#include <numpy_bridge/python.hpp>

namespace numpy_bridge {

namespace {

/// Null if the wheel has no `_cuda` module.
const cuda_backend* loaded_backend() {
    static std::atomic<const cuda_backend*> loaded{nullptr}; // a module is never unloaded
    if (const auto* ready = loaded.load(std::memory_order_acquire)) return ready;
    try {
        const py::object capsule = py::module_::import("numpy_bridge._cuda").attr("_backend");
        const void* backend = PyCapsule_GetPointer(capsule.ptr(), cuda_backend_capsule);
        if (backend == nullptr) throw py::error_already_set();
        loaded.store(static_cast<const cuda_backend*>(backend), std::memory_order_release);
    } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_ModuleNotFoundError)) throw;
        return nullptr;
    }
    return loaded.load(std::memory_order_acquire);
}

/// The reason why the kernels cannot be used; empty if they can, which is asked until it is so.
std::string reason_against(const cuda_backend& kernels) {
    static std::atomic<bool> usable{false};
    if (usable.load(std::memory_order_relaxed)) return {};
    std::string why = kernels.unavailable();
    usable.store(why.empty(), std::memory_order_relaxed);
    return why;
}

} // namespace

const cuda_backend& cuda_kernels(const char* operation, device where) {
    const cuda_backend* kernels = loaded_backend();
    if (kernels == nullptr)
        engine::refuse(operation, "device", "memory on the host, as this wheel was built without CUDA kernels",
                       name_of(where),
                       "build it where nvcc is in PATH: "
                       "pip install --config-settings=cmake.define.NUMPY_BRIDGE_CUDA=ON . in a clone");
    if (const std::string why = reason_against(*kernels); !why.empty())
        engine::refuse(operation, "device", "a CUDA device that can be used", name_of(where),
                       why + " (see numpy-bridge info)");
    return *kernels;
}

const cuda_backend* cuda_kernels_if_any() {
    const cuda_backend* kernels = loaded_backend();
    return kernels != nullptr && reason_against(*kernels).empty() ? kernels : nullptr;
}

bool order_streams_if_possible(device where, std::uintptr_t earlier, std::uintptr_t later) {
    const cuda_backend* kernels = cuda_kernels_if_any();
    if (kernels != nullptr) kernels->order(where.index, earlier, later);
    return kernels != nullptr;
}

} // namespace numpy_bridge
