#include <numpy_bridge/arguments/by_hand.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

NUMPY_BRIDGE_INLINE void load_by_hand(py::handle x, const requirements& r, const std::string& name,
                                      loaded_argument& out) {
    const auto refused = load_argument(x.ptr(), r, engine::hold::lasting, true, out);
    if (refused != nullptr) throw py::type_error(words_for(*refused, x.ptr(), r, name));
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
