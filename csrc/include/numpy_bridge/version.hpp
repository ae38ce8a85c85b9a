/// The one place where the version is written: CMake, pyproject.toml and Python read it from here.
#pragma once

#define NUMPY_BRIDGE_VERSION "0.1.0"
#define NUMPY_BRIDGE_VERSION_NAMESPACE v0_1_0

#if defined(__GNUC__)
#define NUMPY_BRIDGE_HIDDEN __attribute__((visibility("hidden")))
#define NUMPY_BRIDGE_NOINLINE __attribute__((noinline))
#elif defined(_MSC_VER)
#define NUMPY_BRIDGE_HIDDEN
#define NUMPY_BRIDGE_NOINLINE __declspec(noinline)
#else
#define NUMPY_BRIDGE_HIDDEN
#define NUMPY_BRIDGE_NOINLINE
#endif

/// Headers declare; the bodies that are neither templates nor hot are in `engine/`. Header-only is the default: each
/// header then includes its bodies as inline functions. With NUMPY_BRIDGE_COMPILED, which the CMake target
/// `numpy_bridge::numpy_bridge` defines, the program links `engine/*.cpp` instead.
#ifdef NUMPY_BRIDGE_COMPILED
#define NUMPY_BRIDGE_INLINE
#else
#define NUMPY_BRIDGE_INLINE inline
#endif

/// The engine handles Python's objects with pybind11, or with nanobind where NUMPY_BRIDGE_NANOBIND is defined.
#ifndef NUMPY_BRIDGE_NANOBIND
#define NUMPY_BRIDGE_VARIANT for_pybind11
#elif !defined(Py_LIMITED_API)
#define NUMPY_BRIDGE_VARIANT for_nanobind
#else
#define NUMPY_BRIDGE_VARIANT for_nanobind_abi3
#endif

/// Every header declares what it has between these two. Extensions built against different versions of the headers
/// meet in one process, where equal names would become one object and equal types catch each other's exceptions. So
/// symbols are hidden from other modules, and names have the version and the variant in them; users write
/// `numpy_bridge::`.
#define NUMPY_BRIDGE_NAMESPACE_BEGIN                                                                                   \
    namespace numpy_bridge NUMPY_BRIDGE_HIDDEN {                                                                       \
    inline namespace NUMPY_BRIDGE_VERSION_NAMESPACE {                                                                  \
    inline namespace NUMPY_BRIDGE_VARIANT {
#define NUMPY_BRIDGE_NAMESPACE_END                                                                                     \
    }                                                                                                                  \
    }                                                                                                                  \
    }
