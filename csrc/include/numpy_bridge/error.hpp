/// Refusals: why memory is not shared, in parts that a program can test and a person can read.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <numpy_bridge/version.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// A producer's text between quotation marks: one line of at most 64 characters.
std::string quoted(std::string_view text);

} // namespace detail

/// What is wrong, by field.
struct refusal {
    std::string protocol; ///< the protocol, library or function: "DLPack", "torch", "add_", ...
    std::string field;    ///< the part at fault: "strides", "dtype", "requires_grad", ...
    std::string expected; ///< what is accepted
    std::string got;      ///< what was found
    std::string hint;     ///< what to do about it; may be empty

    /// For people: what cannot be done, because of what, and what to do.
    /// The field "protocols" means that several protocols refused, one in each line of `got`.
    std::string message() const;
};

/// Memory cannot be shared. Becomes `numpy_bridge.SharingError` in Python.
class sharing_error : public std::runtime_error {
public:
    explicit sharing_error(refusal why);

    const refusal& why() const noexcept { return why_; }

private:
    refusal why_;
};

namespace engine {

/// Throws a `sharing_error`.
[[noreturn]] void refuse(const char* protocol, const char* field, std::string expected, std::string got,
                         std::string hint = {});

} // namespace engine

/// A call to the CUDA runtime failed. Becomes `numpy_bridge.CudaError` in Python.
class cuda_error : public std::runtime_error {
public:
    /// `name` is the error's, such as "cudaErrorInvalidValue", and `text` is CUDA's description.
    cuda_error(std::string call, std::string name, std::string text);

    const std::string& call() const noexcept { return call_; }
    const std::string& name() const noexcept { return name_; }
    const std::string& text() const noexcept { return text_; }

private:
    std::string call_, name_, text_;
};

/// Whether two memories overlap could not be decided within the allowed work.
/// Becomes `numpy_bridge.TooHardError` in Python.
class too_hard_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/error.cpp"
#endif
