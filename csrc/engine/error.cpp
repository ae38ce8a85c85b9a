#include <utility>

#include <numpy_bridge/error.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

NUMPY_BRIDGE_INLINE std::string quoted(std::string_view text) {
    constexpr std::size_t most = 64;
    std::string line(text.substr(0, most));
    for (char& c : line)
        if (static_cast<unsigned char>(c) < ' ' || c == 127) c = '?';
    return "'" + line + (text.size() > most ? "...'" : "'");
}

NUMPY_BRIDGE_INLINE void refuse(const char* protocol, const char* field, std::string expected, std::string got,
                                std::string hint) {
    throw sharing_error({protocol, field, std::move(expected), std::move(got), std::move(hint)});
}

} // namespace detail

NUMPY_BRIDGE_INLINE std::string refusal::message() const {
    std::string line = protocol + ": " + field + ": expected " + expected + ", got " + got;
    return hint.empty() ? line : line + "; " + hint;
}

NUMPY_BRIDGE_INLINE sharing_error::sharing_error(refusal why)
    : std::runtime_error(why.message()),
      why_(std::move(why)) {}

NUMPY_BRIDGE_INLINE cuda_error::cuda_error(std::string call, std::string name, std::string text)
    : std::runtime_error(call + ": " + name + ": " + text),
      call_(std::move(call)),
      name_(std::move(name)),
      text_(std::move(text)) {}

NUMPY_BRIDGE_NAMESPACE_END
