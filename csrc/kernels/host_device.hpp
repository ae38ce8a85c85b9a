/// Functions for host and device: the work of a kernel is written once, and tested without a GPU.
#pragma once

// NUMPY_BRIDGE_ANY_BODY before a template for both lets it call function objects that are for the host only.
#if defined(__CUDACC__)
#define NUMPY_BRIDGE_HOST_DEVICE __host__ __device__
#define NUMPY_BRIDGE_ANY_BODY _Pragma("nv_exec_check_disable")
#else
#define NUMPY_BRIDGE_HOST_DEVICE
#define NUMPY_BRIDGE_ANY_BODY
#endif
