/// Why an argument was refused: what the caller reads.
#pragma once

#include <string>
#include <string_view>

#include <numpy_bridge/arguments/borrow.hpp>
#include <numpy_bridge/arguments/copy.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

inline dialect dialect_of(PyObject* x) {
    if (numpy_library::get().is_array(x)) return dialect::numpy;
    if (PyBytes_Check(x) != 0 || PyByteArray_Check(x) != 0) return dialect::bytes;
    const torch_library* torch = torch_library::loaded();
    return torch != nullptr && torch->is_tensor(x) ? dialect::torch : dialect::other;
}

/// The remedy for plain Python numbers and sequences, which have no memory of their own.
inline std::string remedy_without_memory(PyObject* x, const requirements& r, const std::string& name) {
    const bool numeric = PyList_Check(x) != 0 || PyTuple_Check(x) != 0 || PyLong_Check(x) != 0 ||
                         PyFloat_Check(x) != 0 || PyComplex_Check(x) != 0 || numpy_library::get().is_scalar(x);
    if (!numeric) return {};
    const bool any = r.dtypes == element_types<void>::set;
    return "; call np.asarray(" + name + (any ? "" : ", " + dtype_in(dialect::numpy, r.dtypes)) + ")";
}

/// Hints speak of a tensor `t`; the caller knows it by the argument's name.
inline std::string hint_for(const std::string& name, std::string hint) {
    const std::string_view generic = " t.";
    for (std::size_t at = hint.find(generic); at != std::string::npos; at = hint.find(generic, at + name.size()))
        hint.replace(at, generic.size(), " " + name + ".");
    return hint.empty() ? hint : "; " + hint;
}

/// Whether a copy of `x` would do.
inline bool can_be_converted(PyObject* x, const requirements& r) {
    if (!r.may_copy || has_no_memory(x)) return false;
    try {
        const py::object copy = converted(x, r);
        imported in;
        import_for_call(copy.ptr(), r, in);
        return meets_all(r, in.description);
    } catch (const sharing_error&) {
    } catch (const py::type_error&) {
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises what is not about the request
    }
    return false;
}

/// Why `x`, which the caller passed as the argument `name`, is refused. Empty if it is not.
inline std::string reason_to_refuse(PyObject* x, const requirements& r, const std::string& name) {
    const std::string expected = name + ": expected " + std::string(words_for(r).view()) + "; got ";
    if (has_no_memory(x) || numpy_library::get().is_scalar(x))
        return expected + type_name(x) + remedy_without_memory(x, r, name);
    if (can_be_converted(x, r)) return {};
    try {
        imported in;
        import_for_call(x, r, in);
        const std::string calls = remedies(r, in.description, dialect_of(x), name);
        if (calls.empty()) return {};
        return expected + words_for(in.description) + ", a " + type_name(x) + "; call " + calls;
    } catch (const sharing_error& error) {
        return expected + type_name(x) + ": " + error.why().got + hint_for(name, error.why().hint);
    } catch (const py::type_error&) {
        return expected + type_name(x) + ", which speaks no protocol for memory";
    }
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
