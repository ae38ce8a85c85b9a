#include <numpy_bridge/anchor.hpp>

#include <memory>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE py::capsule capsule_over(anchor kept) {
    auto held = std::make_unique<anchor>(std::move(kept));
    py::capsule capsule(held.get(), [](void* context) noexcept { delete static_cast<anchor*>(context); });
    [[maybe_unused]] anchor* of_the_capsule = held.release();
    return capsule;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
