/// Array arguments for pybind11 functions: include this, and any array of any library will do.
///
///     #include <numpy_bridge/pybind11.hpp>
///     using namespace numpy_bridge;
///
///     m.def("scale", [](borrowed<float, ndim<2>, c_contiguous> x, float k) { ... x(i, j) *= k ... });
///
/// Accepts every object that `numpy_bridge.view` accepts: NumPy arrays, torch, JAX and CuPy tensors,
/// buffers, DLPack, array interfaces. Nothing is converted unless the type says `allow_copy`. Needs these headers to
/// build and nothing of numpy_bridge to run.
#pragma once

#ifdef NUMPY_BRIDGE_NANOBIND
#error "a file of a nanobind module includes numpy_bridge/nanobind.hpp, not numpy_bridge/pybind11.hpp"
#endif

#include <numpy_bridge/arguments/array_argument.hpp>
#include <numpy_bridge/arguments/by_hand.hpp>
#include <numpy_bridge/arguments/gil.hpp>
#include <numpy_bridge/arguments/loader.hpp>
#include <numpy_bridge/arguments/pybind11_caster.hpp>
#include <numpy_bridge/arguments/pybind11_results.hpp>
#include <numpy_bridge/fresh.hpp>
#include <numpy_bridge/returned.hpp>
#include <numpy_bridge/visit.hpp>
