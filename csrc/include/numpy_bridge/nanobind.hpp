/// Array arguments and results for nanobind functions.
///
///     #include <numpy_bridge/nanobind.hpp>
///     using namespace numpy_bridge;
///
///     m.def("scale", [](borrowed<float, ndim<2>, c_contiguous> x, float k) { ... x(i, j) *= k ... });
///
/// The types of `numpy_bridge/pybind11.hpp`, with the same rules. Include this before functions are bound, and before
/// other headers of numpy_bridge. Modules of Python's stable ABI and of nanobind's split mode compile it, too.
#pragma once

#if defined(NUMPY_BRIDGE_VERSION) && !defined(NUMPY_BRIDGE_NANOBIND)
#error "include numpy_bridge/nanobind.hpp before other headers of numpy_bridge, or define NUMPY_BRIDGE_NANOBIND"
#endif
#if defined(NUMPY_BRIDGE_COMPILED) && !defined(NUMPY_BRIDGE_NANOBIND)
#error "modules of nanobind link numpy_bridge::nanobind, or define NUMPY_BRIDGE_NANOBIND for all files"
#endif
#ifndef NUMPY_BRIDGE_NANOBIND
#define NUMPY_BRIDGE_NANOBIND
#endif

#include <numpy_bridge/arguments/array_argument.hpp>
#include <numpy_bridge/arguments/by_hand.hpp>
#include <numpy_bridge/arguments/gil.hpp>
#include <numpy_bridge/arguments/nanobind_caster.hpp>
#include <numpy_bridge/arguments/nanobind_results.hpp>
#include <numpy_bridge/fresh.hpp>
#include <numpy_bridge/returned.hpp>
#include <numpy_bridge/visit.hpp>
