/// Why an argument was refused, as it is recorded and in words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <numpy_bridge/arguments/mismatch.hpp>
#include <numpy_bridge/arguments/words.hpp>
#include <numpy_bridge/error.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Why an argument was refused. Recorded while it is loaded; the text is made only if no overload accepts the call.
struct refused_argument {
    enum class cause : std::uint8_t {
        no_memory,   ///< numbers, text and containers
        no_protocol, ///< an object without any protocol
        refusal,     ///< its memory cannot be shared: `why`
        mismatch,    ///< its memory does not meet the requirements: `found`
    };

    cause what;
    refusal why{};                     ///< for the first two only `got`: why `array_like` did not help
    memory found{};                    ///< points into `extents`
    std::vector<std::int64_t> extents; ///< shape, then strides
    py::object elements{};             ///< NumPy's dtype of opaque elements
};

/// The reason as the caller reads it: "x: expected float32, 2-D; got float64 (3,), a numpy.ndarray; call ...".
std::string words_for(const refused_argument& refused, PyObject* x, const requirements& r, const std::string& name);

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/arguments/reasons.cpp"
#endif
