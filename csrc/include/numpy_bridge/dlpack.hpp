/// The binary layout of DLPack 1.3.
///
/// Source: the DLPack specification (dmlc.github.io/dlpack), C header of version 1.3. Field order,
/// sizes and enumerators are the ABI; `tests/cpp/dlpack_abi_test.cpp` compares every one of them
/// with the official header.
#pragma once

#include <cstddef>
#include <cstdint>

#include <numpy_bridge/version.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace dlpack {

inline constexpr std::uint32_t major_version = 1;
inline constexpr std::uint32_t minor_version = 3;

/// Another major version means another layout: only the deleter of such a tensor may be called,
/// and no field may be read.
struct version {
    std::uint32_t major;
    std::uint32_t minor;
};

enum class device_type : std::int32_t {
    cpu = 1,
    cuda = 2,
    cuda_host = 3,
    opencl = 4,
    vulkan = 7,
    metal = 8,
    vpi = 9,
    rocm = 10,
    rocm_host = 11,
    extension = 12,
    cuda_managed = 13,
    oneapi = 14,
    webgpu = 15,
    hexagon = 16,
    maia = 17,
    trainium = 18,
};

struct device {
    device_type type;
    std::int32_t index;
};

enum class type_code : std::uint8_t {
    signed_integer = 0,
    unsigned_integer = 1,
    floating = 2,
    opaque_handle = 3,
    bfloat = 4,
    complex = 5,
    boolean = 6,
    float8_e3m4 = 7,
    float8_e4m3 = 8,
    float8_e4m3b11fnuz = 9,
    float8_e4m3fn = 10,
    float8_e4m3fnuz = 11,
    float8_e5m2 = 12,
    float8_e5m2fnuz = 13,
    float8_e8m0fnu = 14,
    float6_e2m3fn = 15,
    float6_e3m2fn = 16,
    float4_e2m1fn = 17,
};

/// `bits` counts one lane; an element has `lanes` of them. Always in the machine's byte order.
struct data_type {
    type_code code;
    std::uint8_t bits;
    std::uint16_t lanes;
};

/// Strides count elements. `strides == nullptr` means C order (producers before DLPack 1.2).
/// The first element lies at `data + byte_offset`.
struct tensor {
    void* data;
    dlpack::device device;
    std::int32_t ndim;
    data_type dtype;
    std::int64_t* shape;
    std::int64_t* strides;
    std::uint64_t byte_offset;
};

/// The address of the first element, as a number: an offset that is wrong, and not refused yet, may leave every block.
inline std::byte* first_element(const tensor& t) noexcept {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): see above
    return reinterpret_cast<std::byte*>(reinterpret_cast<std::uintptr_t>(t.data) + t.byte_offset);
}

/// The unversioned form, capsule name "dltensor". It has no read-only flag.
/// `deleter` may be null; otherwise it is called exactly once and frees `self` as well.
struct managed_tensor {
    dlpack::tensor tensor;
    void* manager_context;
    void (*deleter)(managed_tensor* self);
};

inline constexpr std::uint64_t flag_read_only = 1;
inline constexpr std::uint64_t flag_is_copied = 2;
inline constexpr std::uint64_t flag_subbyte_padded = 4;

/// The versioned form (DLPack >= 1.0), capsule name "dltensor_versioned".
struct managed_tensor_versioned {
    dlpack::version version;
    void* manager_context;
    void (*deleter)(managed_tensor_versioned* self);
    std::uint64_t flags;
    dlpack::tensor tensor;
};

/// The part of the exchange table that every version shares. `previous` leads to tables of older
/// major versions, or is null.
struct exchange_header {
    dlpack::version version;
    exchange_header* previous;
};

/// The C function table behind `type.__dlpack_c_exchange_api__` (DLPack >= 1.2), a capsule named
/// "dlpack_exchange_api". Every function returns 0, or -1 with a Python exception set; none
/// synchronises streams; none may throw.
struct exchange_api {
    exchange_header header;
    int (*allocate)(tensor* prototype, managed_tensor_versioned** out, void* error_context,
                    void (*set_error)(void* error_context, const char* kind, const char* message));
    int (*managed_tensor_from_object)(void* object, managed_tensor_versioned** out);
    int (*managed_tensor_to_object)(managed_tensor_versioned* tensor, void** out_object);
    int (*tensor_from_object)(void* object, tensor* out); ///< may be null
    int (*current_work_stream)(device_type type, std::int32_t index, void** out_stream);
};

inline constexpr const char* capsule_name = "dltensor";
inline constexpr const char* used_capsule_name = "used_dltensor";
inline constexpr const char* versioned_capsule_name = "dltensor_versioned";
inline constexpr const char* used_versioned_capsule_name = "used_dltensor_versioned";
inline constexpr const char* exchange_capsule_name = "dlpack_exchange_api";

} // namespace dlpack

NUMPY_BRIDGE_NAMESPACE_END
