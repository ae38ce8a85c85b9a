/// Calls producers that lack some of the standard's keywords.
#pragma once

#include <initializer_list>

#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

struct keyword {
    const char* name;
    py::object value;
};

/// A producer's answer, and the keywords that it accepted: a bit for each, the first one lowest.
struct accepted_call {
    py::object result;
    unsigned accepted;
};

/// Calls `method` with at most three keywords, the last of which matters most: with all, with as many of the last ones
/// as it accepts, and in the end with none. Old producers raise TypeError for unknown keywords. Every other error is
/// the producer's reason, and is raised at once.
accepted_call call_with_accepted(const py::object& method, std::initializer_list<keyword> keywords);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/protocols/keywords.cpp"
#endif
