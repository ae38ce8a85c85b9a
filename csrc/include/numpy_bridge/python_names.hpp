/// `numpy_bridge::py`: the library that Python objects are handled with. It is pybind11, or in modules of nanobind
/// nanobind under the names that pybind11 has.
#pragma once

#ifdef NUMPY_BRIDGE_NANOBIND

#include <string>

#include <nanobind/nanobind.h>

#if NB_VERSION_MAJOR < 3
#error "numpy_bridge needs nanobind 3.0 or newer"
#endif

#include <numpy_bridge/version.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace py {

using namespace nanobind;

using error_already_set = nanobind::python_error;
using scoped_critical_section = nanobind::ft_object_guard;

template <class T> T reinterpret_borrow(nanobind::handle x) { return nanobind::borrow<T>(x); }
template <class T> T reinterpret_steal(nanobind::handle x) { return nanobind::steal<T>(x); }

/// Python's exception of this kind. nanobind has functions that make them, where pybind11 has classes.
template <nanobind::exception_type Kind> class raised : public nanobind::builtin_exception {
public:
    explicit raised(const std::string& text) : nanobind::builtin_exception(Kind, text.c_str()) {}
};
using type_error = raised<nanobind::exception_type::type_error>;
using value_error = raised<nanobind::exception_type::value_error>;
using import_error = raised<nanobind::exception_type::import_error>;

} // namespace py

NUMPY_BRIDGE_NAMESPACE_END

#else

#include <pybind11/critical_section.h>
#include <pybind11/pybind11.h>

#include <numpy_bridge/version.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace py = pybind11;

NUMPY_BRIDGE_NAMESPACE_END

#endif
