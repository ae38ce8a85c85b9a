/// Refusals and exceptions as nanobind functions raise them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <string>

#include <nanobind/nanobind.h>

#include <numpy_bridge/arguments/translate.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

namespace nb = nanobind;

/// The class that nanobind raises for its own exceptions.
inline PyObject* class_of(nb::exception_type type) noexcept {
    switch (type) {
    case nb::exception_type::stop_iteration:
        return PyExc_StopIteration;
    case nb::exception_type::index_error:
        return PyExc_IndexError;
    case nb::exception_type::key_error:
        return PyExc_KeyError;
    case nb::exception_type::value_error:
        return PyExc_ValueError;
    case nb::exception_type::type_error:
        return PyExc_TypeError;
    case nb::exception_type::buffer_error:
        return PyExc_BufferError;
    case nb::exception_type::import_error:
        return PyExc_ImportError;
    case nb::exception_type::attribute_error:
        return PyExc_AttributeError;
    default:
        return PyExc_RuntimeError;
    }
}

/// Sets the Python exception of the C++ one that is being handled.
inline void set_error() noexcept {
    try {
        throw;
    } catch (const sharing_error& error) {
        PyErr_SetString(PyExc_BufferError, error.what());
    } catch (nb::python_error& error) {
        error.restore();
    } catch (const nb::builtin_exception& error) {
        PyErr_SetString(class_of(error.type()), error.what());
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
}

/// Runs `f()` where nanobind forbids exceptions. They become Python's; false if there was one.
template <class F> bool runs(F f) noexcept {
    try {
        f();
        return true;
    } catch (...) {
        set_error();
        return false;
    }
}

/// The overloads that have refused the call that is being made.
///
/// nanobind tries a function without overloads once, others twice: first all of them without conversions, then again
/// with. A refusal is final if as many overloads have refused in the second round as in the first. So each leaves an
/// object among those that nanobind releases after the call: NotImplemented in the first round, in the second its
/// reason, or Ellipsis if the argument is no array.
class refusals_of_call {
public:
    explicit refusals_of_call(nb::detail::cleanup_list& call) : call_(call) {}

    /// Records a refusal. `reason()` is called in the last round only, and returns a `str` or Ellipsis as a new
    /// reference. Raises TypeError with all reasons if this refusal is final and there are any.
    template <class Reason> void add(std::uint32_t flags, Reason reason) {
        if ((flags & nb::detail::cast_flags::convert) == 0) {
            Py_INCREF(Py_NotImplemented);
            return call_.append(Py_NotImplemented);
        }
        PyObject* made = reason();
        if (made == nullptr) throw nb::python_error();
        call_.append(made);
        raise_if_final();
    }

private:
    void raise_if_final() const {
        std::size_t first_round = 0, last_round = 0;
        std::string text;
        for (std::size_t i = 1; i < call_.size(); ++i) {
            PyObject* mark = call_[i];
            if (mark == Py_NotImplemented) ++first_round;
            else if (mark == Py_Ellipsis) ++last_round;
            else if (PyUnicode_CheckExact(mark) != 0) {
                ++last_round;
                text += "\n  " + engine::to_text(mark);
            }
        }
        if (text.empty() || last_round < first_round) return;
        text.replace(0, first_round > 0 ? 0 : 3, first_round > 0 ? "no overload accepts these arguments:" : "");
        throw py::type_error(text);
    }

    nb::detail::cleanup_list& call_;
};

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
