/// One source for host and device: what a kernel computes is written once, and tested without a GPU.
#pragma once

#if defined(__CUDACC__)
#define NUMPY_BRIDGE_HOST_DEVICE __host__ __device__
#else
#define NUMPY_BRIDGE_HOST_DEVICE
#endif
