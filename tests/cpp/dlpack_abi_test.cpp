/// Holds our declarations of DLPack against the official header, both ways: everything that it
/// declares is here, and everything here is declared there. If this file compiles, they agree.

#include <cstddef>
#include <string_view>
#include <type_traits>

#include <dlpack/dlpack.h>
#include <gtest/gtest.h>

#include <numpy_bridge/dlpack.hpp>

namespace ours = numpy_bridge::dlpack;

namespace {

/// Whether two types mean the same to a caller in C. What is behind a pointer to a struct is
/// compared where that struct is.
template <class A, class B> struct same_in_c : std::bool_constant<std::is_same_v<A, B>> {};

template <class A, class B> constexpr bool same_representation() {
    if constexpr (std::is_class_v<A> && std::is_class_v<B>) {
        return sizeof(A) == sizeof(B) && alignof(A) == alignof(B);
    } else if constexpr (std::is_enum_v<A>) {
        return same_representation<std::underlying_type_t<A>, B>();
    } else if constexpr (std::is_enum_v<B>) {
        return same_representation<A, std::underlying_type_t<B>>();
    } else {
        return same_in_c<A, B>::value;
    }
}
template <class A, class B>
struct same_in_c<A*, B*>
    : std::bool_constant<(std::is_class_v<A> && std::is_class_v<B>) || same_representation<A, B>()> {};
template <class A, class B, class... As, class... Bs> struct same_in_c<A(As...), B(Bs...)> {
    static constexpr bool parameters() {
        if constexpr (sizeof...(As) != sizeof...(Bs)) return false;
        else return (same_representation<As, Bs>() && ...);
    }
    static constexpr bool value = same_representation<A, B>() && parameters();
};

} // namespace

#define SAME_STRUCT(mine, official)                                                                                    \
    static_assert(sizeof(mine) == sizeof(official) && alignof(mine) == alignof(official));                             \
    static_assert(std::is_standard_layout_v<mine> && std::is_trivial_v<mine>)
#define SAME_FIELD(mine, my_field, official, official_field)                                                           \
    static_assert(offsetof(mine, my_field) == offsetof(official, official_field));                                     \
    static_assert(same_representation<decltype(mine::my_field), decltype(official::official_field)>())

static_assert(ours::major_version == DLPACK_MAJOR_VERSION && ours::minor_version == DLPACK_MINOR_VERSION);

SAME_STRUCT(ours::version, DLPackVersion);
SAME_FIELD(ours::version, major, DLPackVersion, major);
SAME_FIELD(ours::version, minor, DLPackVersion, minor);

SAME_STRUCT(ours::device, DLDevice);
SAME_FIELD(ours::device, type, DLDevice, device_type);
SAME_FIELD(ours::device, index, DLDevice, device_id);

SAME_STRUCT(ours::data_type, DLDataType);
SAME_FIELD(ours::data_type, code, DLDataType, code);
SAME_FIELD(ours::data_type, bits, DLDataType, bits);
SAME_FIELD(ours::data_type, lanes, DLDataType, lanes);

SAME_STRUCT(ours::tensor, DLTensor);
SAME_FIELD(ours::tensor, data, DLTensor, data);
SAME_FIELD(ours::tensor, device, DLTensor, device);
SAME_FIELD(ours::tensor, ndim, DLTensor, ndim);
SAME_FIELD(ours::tensor, dtype, DLTensor, dtype);
SAME_FIELD(ours::tensor, shape, DLTensor, shape);
SAME_FIELD(ours::tensor, strides, DLTensor, strides);
SAME_FIELD(ours::tensor, byte_offset, DLTensor, byte_offset);

SAME_STRUCT(ours::managed_tensor, DLManagedTensor);
SAME_FIELD(ours::managed_tensor, tensor, DLManagedTensor, dl_tensor);
SAME_FIELD(ours::managed_tensor, manager_context, DLManagedTensor, manager_ctx);
SAME_FIELD(ours::managed_tensor, deleter, DLManagedTensor, deleter);

SAME_STRUCT(ours::managed_tensor_versioned, DLManagedTensorVersioned);
SAME_FIELD(ours::managed_tensor_versioned, version, DLManagedTensorVersioned, version);
SAME_FIELD(ours::managed_tensor_versioned, manager_context, DLManagedTensorVersioned, manager_ctx);
SAME_FIELD(ours::managed_tensor_versioned, deleter, DLManagedTensorVersioned, deleter);
SAME_FIELD(ours::managed_tensor_versioned, flags, DLManagedTensorVersioned, flags);
SAME_FIELD(ours::managed_tensor_versioned, tensor, DLManagedTensorVersioned, dl_tensor);

SAME_STRUCT(ours::exchange_header, DLPackExchangeAPIHeader);
SAME_FIELD(ours::exchange_header, version, DLPackExchangeAPIHeader, version);
SAME_FIELD(ours::exchange_header, previous, DLPackExchangeAPIHeader, prev_api);

SAME_STRUCT(ours::exchange_api, DLPackExchangeAPI);
SAME_FIELD(ours::exchange_api, header, DLPackExchangeAPI, header);
SAME_FIELD(ours::exchange_api, allocate, DLPackExchangeAPI, managed_tensor_allocator);
SAME_FIELD(ours::exchange_api, managed_tensor_from_object, DLPackExchangeAPI, managed_tensor_from_py_object_no_sync);
SAME_FIELD(ours::exchange_api, managed_tensor_to_object, DLPackExchangeAPI, managed_tensor_to_py_object_no_sync);
SAME_FIELD(ours::exchange_api, tensor_from_object, DLPackExchangeAPI, dltensor_from_py_object_no_sync);
SAME_FIELD(ours::exchange_api, current_work_stream, DLPackExchangeAPI, current_work_stream);

static_assert(ours::flag_read_only == DLPACK_FLAG_BITMASK_READ_ONLY);
static_assert(ours::flag_is_copied == DLPACK_FLAG_BITMASK_IS_COPIED);
static_assert(ours::flag_subbyte_padded == DLPACK_FLAG_BITMASK_IS_SUBBYTE_TYPE_PADDED);

// The header has no constants for these names; the specification's text does.
static_assert(ours::capsule_name == std::string_view("dltensor"));
static_assert(ours::used_capsule_name == std::string_view("used_dltensor"));
static_assert(ours::versioned_capsule_name == std::string_view("dltensor_versioned"));
static_assert(ours::used_versioned_capsule_name == std::string_view("used_dltensor_versioned"));
static_assert(ours::exchange_capsule_name == std::string_view("dlpack_exchange_api"));

#define DEVICE_TYPES(pair)                                                                                             \
    pair(cpu, kDLCPU) pair(cuda, kDLCUDA) pair(cuda_host, kDLCUDAHost) pair(opencl, kDLOpenCL) pair(vulkan, kDLVulkan) \
        pair(metal, kDLMetal) pair(vpi, kDLVPI) pair(rocm, kDLROCM) pair(rocm_host, kDLROCMHost)                       \
            pair(extension, kDLExtDev) pair(cuda_managed, kDLCUDAManaged) pair(oneapi, kDLOneAPI)                      \
                pair(webgpu, kDLWebGPU) pair(hexagon, kDLHexagon) pair(maia, kDLMAIA) pair(trainium, kDLTrn)

#define TYPE_CODES(pair)                                                                                               \
    pair(signed_integer, kDLInt) pair(unsigned_integer, kDLUInt) pair(floating, kDLFloat)                              \
        pair(opaque_handle, kDLOpaqueHandle) pair(bfloat, kDLBfloat) pair(complex, kDLComplex) pair(boolean, kDLBool)  \
            pair(float8_e3m4, kDLFloat8_e3m4) pair(float8_e4m3, kDLFloat8_e4m3)                                        \
                pair(float8_e4m3b11fnuz, kDLFloat8_e4m3b11fnuz) pair(float8_e4m3fn, kDLFloat8_e4m3fn)                  \
                    pair(float8_e4m3fnuz, kDLFloat8_e4m3fnuz) pair(float8_e5m2, kDLFloat8_e5m2)                        \
                        pair(float8_e5m2fnuz, kDLFloat8_e5m2fnuz) pair(float8_e8m0fnu, kDLFloat8_e8m0fnu)              \
                            pair(float6_e2m3fn, kDLFloat6_e2m3fn) pair(float6_e3m2fn, kDLFloat6_e3m2fn)                \
                                pair(float4_e2m1fn, kDLFloat4_e2m1fn)

#define SAME_DEVICE_TYPE(mine, official) static_assert(static_cast<int>(ours::device_type::mine) == official);
#define SAME_TYPE_CODE(mine, official) static_assert(static_cast<int>(ours::type_code::mine) == official);
DEVICE_TYPES(SAME_DEVICE_TYPE)
TYPE_CODES(SAME_TYPE_CODE)

// An enumerator that the lists above lack, on either side, is one that a switch does not handle.
#if defined(__GNUC__) || defined(__clang__)
#pragma GCC diagnostic error "-Wswitch"
#endif
#define CASE_OF_MY_DEVICE_TYPE(mine, official) case ours::device_type::mine:
#define CASE_OF_MY_TYPE_CODE(mine, official) case ours::type_code::mine:
#define CASE_OF_OFFICIAL(mine, official) case official:
#define HAS_ALL_OF(type, list, one_case)                                                                               \
    [[maybe_unused]] constexpr void has_all_of(type value) {                                                           \
        switch (value) { list(one_case) break; }                                                                       \
    }
namespace {
HAS_ALL_OF(ours::device_type, DEVICE_TYPES, CASE_OF_MY_DEVICE_TYPE)
HAS_ALL_OF(ours::type_code, TYPE_CODES, CASE_OF_MY_TYPE_CODE)
HAS_ALL_OF(DLDeviceType, DEVICE_TYPES, CASE_OF_OFFICIAL)
HAS_ALL_OF(DLDataTypeCode, TYPE_CODES, CASE_OF_OFFICIAL)
} // namespace

TEST(dlpack_abi, agrees_with_the_official_header) { SUCCEED() << "or this file would not compile"; }
