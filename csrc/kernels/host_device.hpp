/// Functions for host and device: the work of a kernel is written once, and tested without a GPU.
#pragma once

// NUMPY_BRIDGE_UNROLLED before a loop keeps arrays that it indexes in registers, on the device. NUMPY_BRIDGE_ROLLED
// keeps its code short. NUMPY_BRIDGE_ANY_BODY before a template for both lets it call function objects that are for the
// host only.
#if defined(__CUDACC__)
#define NUMPY_BRIDGE_HOST_DEVICE __host__ __device__
#define NUMPY_BRIDGE_ANY_BODY _Pragma("nv_exec_check_disable")
#define NUMPY_BRIDGE_ROLLED _Pragma("unroll 1")
#define NUMPY_BRIDGE_UNROLLED _Pragma("unroll")
#else
#define NUMPY_BRIDGE_HOST_DEVICE
#define NUMPY_BRIDGE_ANY_BODY
#define NUMPY_BRIDGE_ROLLED
#define NUMPY_BRIDGE_UNROLLED
#endif
