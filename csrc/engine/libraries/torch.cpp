#include <numpy_bridge/libraries/torch.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

NUMPY_BRIDGE_INLINE void validate_for_torch(const torch_library& torch, const memory& m, bool allow_readonly) {
    if (m.device.index > 127) // torch keeps the index in a signed byte
        engine::refuse("torch", "device", "an index of 0 to 127", name_of(m.device));
    if (m.device.type == device_type::opencl) // torch crashes on it
        engine::refuse("torch", "device", "one that this torch has", name_of(m.device),
                       "let its own library copy it to the host first");
    if (m.readonly && !allow_readonly)
        engine::refuse("torch", "readonly", "writable memory, as every tensor can be written", "read-only memory",
                       "pass copy=True, or allow_readonly=True and never write to the tensor");
    if (!torch.has_dtype(m.type.id))
        engine::refuse("torch", "dtype", "a dtype that this torch has", name_of(m.type), "share its bytes as uint8");
    engine::validate_for_dlpack(m, "torch");
}

NUMPY_BRIDGE_NAMESPACE_END
