#include <algorithm>
#include <utility>

#include <numpy_bridge/error.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE void refuse(const char* protocol, const char* field, std::string expected, std::string got,
                                std::string hint) {
    throw sharing_error({protocol, field, std::move(expected), std::move(got), std::move(hint)});
}

} // namespace engine

namespace detail {

NUMPY_BRIDGE_INLINE std::string quoted(std::string_view text) {
    constexpr std::size_t most = 64;
    std::string line(text.substr(0, most));
    for (char& c : line)
        if (static_cast<unsigned char>(c) < ' ' || c == 127) c = '?';
    return "'" + line + (text.size() > most ? "...'" : "'");
}

/// What a protocol or a function cannot do, as the start of a message.
struct failure {
    std::string_view protocol, text;
};

/// Held against `numpy_bridge.errors` by a test, like all of the message.
inline constexpr failure failures[] = {
    {"buffer", "cannot share this through the buffer protocol"},
    {"NumPy", "NumPy cannot share this"},
    {"torch", "torch cannot share this"},
    {"CUDA", "cannot share this CUDA memory"},
    {"pointer", "from_pointer cannot describe this memory"},
    {"returned", "cannot return this array"},
    {"view", "view cannot share this"},
    {"add_", "add_ cannot use these operands"},
    {"copy_", "copy_ cannot use these operands"},
    {"pickle", "cannot send this to another process"},
    {"unpickle", "cannot rebuild what was sent"},
};

NUMPY_BRIDGE_INLINE std::string failure_of(const std::string& protocol) {
    for (const auto& [name, text] : failures)
        if (name == protocol) return std::string(text);
    return "cannot share this through " + protocol;
}

NUMPY_BRIDGE_INLINE std::string with_full_stop(std::string text) {
    if (text.empty() || text.back() != '.') text += '.';
    return text;
}

/// The hint with a full stop, and with a capital unless it starts with code.
NUMPY_BRIDGE_INLINE std::string as_sentence(std::string hint) {
    const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
    std::string word = hint.substr(0, hint.find(' '));
    if (!word.empty() && std::string_view(",:;").find(word.back()) != std::string_view::npos) word.pop_back();
    const bool is_variable = word.size() == 1 && word != "a";
    if (!word.empty() && !is_variable && std::all_of(word.begin(), word.end(), is_lower))
        hint.front() = static_cast<char>(hint.front() - 'a' + 'A');
    return with_full_stop(std::move(hint));
}

} // namespace detail

NUMPY_BRIDGE_INLINE std::string refusal::message() const {
    if (field == "protocols") {
        std::string text = protocol + " cannot be shared:\n  - ";
        for (const char c : got) text += c == '\n' ? std::string("\n  - ") : std::string(1, c);
        return hint.empty() ? text : text + "\n" + detail::as_sentence(hint);
    }
    return detail::failure_of(protocol) + ": expected " + expected + ", got " + detail::with_full_stop(got) +
           (hint.empty() ? "" : " " + detail::as_sentence(hint)) + " [" + protocol + "." + field + "]";
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
