/// What a refusal needs of the arguments of a call.
#pragma once

#include <cstddef>
#include <cstdint>

#include <numpy_bridge/arguments/load.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// The arrays that an argument may have inside.
struct arrays_inside {
    enum class kind : std::uint8_t { none, items, alternatives };

    kind what = kind::none;
    const requirements* const* wanted = nullptr; ///< of all items, or of each alternative
    std::size_t count = 0;
};

/// One argument of a call, as far as a refusal needs it.
struct argument_of_call {
    const requirements* wanted = nullptr; ///< null if it is no array
    engine::hold held = engine::hold::nothing;
    bool may_be_none = false;
    const refused_argument* refused = nullptr; ///< null if it was accepted, or its reason is not known yet
    arrays_inside inside{};                    ///< of a container
};

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
