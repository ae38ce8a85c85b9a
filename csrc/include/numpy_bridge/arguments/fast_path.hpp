/// The fast path for the most common arguments: plain ndarrays, tensors, buffers and Views.
///
/// It accepts only what `load_argument` would accept, with the same result. It raises nothing about the argument:
/// everything that is not plain, or does not fit, is left to `load_argument`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <numpy_bridge/arguments/mismatch.hpp>
#include <numpy_bridge/arguments/reasons.hpp>
#include <numpy_bridge/cpython.hpp>
#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// `meets_all` with requirements known at compile time, which takes a quarter of the time.
template <const requirements& Wanted, mismatch... All>
bool meets_every(mismatch_list<All...>, const memory& m) noexcept {
    return (meets<All>(Wanted, m) && ...);
}
template <const requirements& Wanted> bool meets_every(const memory& m) noexcept {
    return meets_every<Wanted>(all_mismatches{}, m);
}

/// A buffer export for the length of a call.
class scoped_buffer {
public:
    scoped_buffer() noexcept { view_.obj = nullptr; } // no other field is read in this state
    scoped_buffer(const scoped_buffer&) = delete;
    scoped_buffer& operator=(const scoped_buffer&) = delete;
    ~scoped_buffer() { reset(); }

    /// False if `x` refuses; no exception is set then.
    bool take(PyObject* x) noexcept {
        if (PyObject_GetBuffer(x, &view_, PyBUF_FULL_RO) == 0) return true;
        PyErr_Clear();
        view_.obj = nullptr;
        return false;
    }

    /// Releases the buffer, if there is one.
    void reset() noexcept {
        if (view_.obj != nullptr) release();
    }

    const Py_buffer& view() const noexcept { return view_; }

private:
    void release() noexcept;

    Py_buffer view_;
};

/// What loading a whole argument leaves to the end of the call.
struct kept_for_call {
    /// The part for arguments that are not plain. Its destructor is not inline, since most calls do not run it.
    struct of_import {
        of_import() noexcept = default;
        ~of_import();
        of_import(const of_import&) = delete;
        of_import& operator=(const of_import&) = delete;

        py::object copy; ///< what is used instead of the argument, if `allow_copy` made one
        py::object pin;
        owner lease;
        std::unique_ptr<const refused_argument> refused; ///< why the argument was refused, if it was
    };

    scoped_buffer buffer;
    std::optional<of_import> imported;
};

/// Elements of `record` are plain if they have the very dtype that it names.
inline bool describe_plain_array(PyObject* x, const record_type& record, memory& out) {
    const auto& array = *reinterpret_cast<const numpy_abi::array*>(x);
    const bool is_record = record && array.descr == record.dtype();
    const std::optional<dtype> id = is_record ? dtype::opaque : from_numpy_number(array.descr->number);
    if (!id || !numpy_abi::is_native(*array.descr)) return false;
    out = host_memory(array.data, {*id, byte_order::native}, (array.flags & numpy_abi::flag_writeable) == 0, array.ndim,
                      reinterpret_cast<const std::int64_t*>(array.shape),
                      reinterpret_cast<const std::int64_t*>(array.strides));
    if (is_record) out.opaque = {record.itemsize, array.descr};
    return is_plainly_valid(out);
}

/// What `describe_plain` returns instead of a number of dimensions.
enum not_plain : int {
    not_plain_at_all = -1,
    needs_hold = -2, ///< its exchange table refused to describe memory that nobody holds
};

/// Describes a tensor or another object with an exchange table on the CPU, an ndarray of a subclass, or one of Python's
/// own buffers, if it is plain and its values meet `r`; `meets_every` tests the layout. Everything else gets an `ndim`
/// of `not_plain`. A buffer is exported into `buffer`. Other descriptions may point into `strides`, and `seen` records
/// where the memory is.
memory describe_plain(PyObject* x, const requirements& r, scoped_buffer& buffer, dims& strides, engine::witness& seen);

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/arguments/fast_path.cpp"
#endif
