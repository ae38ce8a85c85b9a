/// Hints for unsupported dtypes: why they cannot be shared, and what to do instead.
///
/// Every dtype of the supported libraries and protocols has a row in the dtype table or a hint here.
/// `tests/python/conversions/test_dtypes_complete.py` checks that.
#pragma once

#include <string>
#include <string_view>

#include <numpy_bridge/dlpack.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

inline constexpr const char* hint_for_sub_byte =
    "libraries pack elements of less than a byte in different ways; share their bytes: x.view('u1')";
inline constexpr const char* hint_for_packed =
    "libraries pack elements of less than a byte in different ways; let its own library share their bytes, as uint8";

// Hints have code for the object that they are given for: an ndarray x, a tensor t.

/// For NumPy's and the array interface's kind characters.
const char* hint_for_kind(char kind) noexcept;

/// The same for memory that an array interface describes; its elements have not been read.
const char* hint_for_described(char kind, bool on_host) noexcept;

/// For PEP 3118 formats.
std::string hint_for_format(std::string_view format);

/// For the name of a dtype without a row, or its array interface typestr. Empty for any other text.
const char* hint_for_name(std::string_view name) noexcept;

/// The same for a tensor.
std::string hint_for_tensor(std::string_view name);

/// The same for memory at an address, which has no object.
const char* hint_for_address(std::string_view name) noexcept;

/// For DLPack's type codes.
const char* hint_for_dlpack(dlpack::data_type type) noexcept;

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/dtype_reasons.cpp"
#endif
