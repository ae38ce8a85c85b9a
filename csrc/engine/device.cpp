#include <charconv>

#include <numpy_bridge/device.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

NUMPY_BRIDGE_INLINE std::string name_of(device where) {
    if (where.type == device_type::cpu) return "cpu";
    for (const auto& [type, name] : detail::device_names)
        if (type == where.type) return std::string(name) + ":" + std::to_string(where.index);
    return "unknown device type " + std::to_string(static_cast<std::int32_t>(where.type));
}

NUMPY_BRIDGE_INLINE std::optional<device> parse_device(std::string_view text) noexcept {
    const std::size_t colon = text.find(':');
    std::int32_t index = 0;
    if (colon != std::string_view::npos) {
        const std::string_view digits = text.substr(colon + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
        if (error != std::errc{} || end != digits.data() + digits.size() || index < 0) return std::nullopt;
    }
    for (const auto& [type, name] : detail::device_names)
        if (name == text.substr(0, colon)) return device{type, index};
    return std::nullopt;
}

NUMPY_BRIDGE_NAMESPACE_END
