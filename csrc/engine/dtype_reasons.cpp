#include <numpy_bridge/dtype_reasons.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

inline constexpr const char* hint_for_bytes = "share its bytes: x.view('u1')";
inline constexpr const char* hint_for_objects =
    "the elements are Python objects, such as mixed or missing values; convert them to numbers first, e.g. "
    "x.astype(float)";
inline constexpr const char* hint_for_long_double =
    "long double differs between platforms; convert with x.astype('float64') or 'complex128'";

inline constexpr const char* hint_for_fields = "share one field at a time, x['field'], or the bytes, x.view('u1')";
inline constexpr const char* hint_for_times = "share the counts behind the times: x.view('i8')";
inline constexpr const char* hint_for_code_points =
    "convert text to numbers, e.g. x.astype(float), or share its code points: x.view('u4')";
inline constexpr const char* hint_for_fixed_strings = "share the bytes: x.view('u1')";
inline constexpr const char* hint_for_strings =
    "strings of variable length are behind pointers; convert them first, to fixed length or to numbers";
inline constexpr const char* hint_for_quantized = "share the stored integers: t.int_repr()";

NUMPY_BRIDGE_INLINE const char* hint_for_kind(char kind) noexcept {
    switch (kind) {
    case 'V':
        return hint_for_fields;
    case 'M':
    case 'm':
        return hint_for_times;
    case 'U':
        return hint_for_code_points;
    case 'S':
        return hint_for_fixed_strings;
    case 'T':
        return hint_for_strings;
    case 't':
        return hint_for_sub_byte;
    case 'f':
    case 'c':
        return hint_for_long_double;
    case 'O':
        return hint_for_objects;
    default:
        return "";
    }
}

/// The name of the first field of a structured format: "T{i:a:f:b:}".
NUMPY_BRIDGE_INLINE std::string first_field(std::string_view format) {
    int depth = 0;
    for (std::size_t at = 0; at < format.size(); ++at) {
        depth += format[at] == '{' ? 1 : format[at] == '}' ? -1 : 0;
        if (format[at] == ':' && depth == 1)
            return std::string(format.substr(at + 1, format.find(':', at + 1) - at - 1));
    }
    return "field";
}

NUMPY_BRIDGE_INLINE std::string hint_for_format(std::string_view format) {
    const auto holds = [format](const char* codes) { return format.find_first_of(codes) != std::string_view::npos; };
    if (const std::size_t at = format.find("T{"); at != std::string_view::npos)
        return "a structured element has several dtypes; share one field at a time: np.asarray(x)['" +
               first_field(format.substr(at)) + "']";
    if (holds("O"))
        return "the elements are Python objects, such as mixed or missing values; convert them to numbers first";
    if (holds("g"))
        return holds("Z")
                   ? "long double differs between platforms; convert with np.frombuffer(x, 'G').astype('complex128')"
                   : "long double differs between platforms; convert with np.frombuffer(x, 'g').astype('float64')";
    if (holds("cspuw")) return "text holds no numbers; share its bytes: np.frombuffer(x, 'u1')";
    return "share its bytes: np.frombuffer(x, 'u1')";
}

/// What the names of dtypes without a row begin with, in NumPy, ml_dtypes and torch.
struct named_reason {
    std::string_view prefix;
    const char* hint;
};

inline constexpr named_reason named_reasons[] = {
    {"qint", hint_for_quantized},
    {"quint", hint_for_quantized},
    {"float6_", hint_for_sub_byte},
    {"float4_", hint_for_sub_byte},
    {"bits", hint_for_bytes},
    {"bcomplex", hint_for_bytes},
    {"float96", hint_for_long_double},
    {"float128", hint_for_long_double},
    {"complex192", hint_for_long_double},
    {"complex256", hint_for_long_double},
    {"longdouble", hint_for_long_double},
    {"clongdouble", hint_for_long_double},
    {"datetime64", hint_for_times},
    {"timedelta64", hint_for_times},
    {"str", hint_for_code_points},
    {"bytes", hint_for_fixed_strings},
    {"void", hint_for_fields},
    {"object", hint_for_objects},
    {"StringDType", hint_for_strings},
};

/// "int4", "uint1" and the like.
constexpr bool is_sub_byte_name(std::string_view name) noexcept {
    if (!name.empty() && name.front() == 'u') name.remove_prefix(1);
    return name.size() == 4 && name.substr(0, 3) == "int" && name[3] >= '1' && name[3] <= '7';
}

NUMPY_BRIDGE_INLINE const char* hint_for_described(char kind, bool on_host) noexcept {
    if (!on_host) return hint_for_kind(kind)[0] == 0 ? "" : "let its own library convert it to plain numbers first";
    switch (kind) {
    case 'V':
        return "share one field at a time, or the bytes: np.ascontiguousarray(x).view('u1')";
    case 'M':
    case 'm':
        return "share the counts behind the times: np.asarray(x).view('i8')";
    case 'U':
        return "convert text to numbers, or share its code points: np.ascontiguousarray(x).view('u4')";
    case 'S':
        return "share the bytes: np.ascontiguousarray(x).view('u1')";
    case 't':
        return hint_for_packed;
    case 'f':
    case 'c':
        return "long double differs between platforms; convert with np.asarray(x).astype('float64') or 'complex128'";
    case 'O':
        return "the elements are Python objects, such as mixed or missing values; convert them to numbers first";
    default:
        return hint_for_kind(kind);
    }
}

NUMPY_BRIDGE_INLINE const char* hint_for_name(std::string_view name) noexcept {
    if (is_sub_byte_name(name)) return hint_for_sub_byte;
    for (const auto& [prefix, hint] : named_reasons)
        if (name.substr(0, prefix.size()) == prefix) return hint;
    constexpr std::string_view orders = "<>|=";
    if (name.size() > 1 && orders.find(name[0]) != std::string_view::npos) return hint_for_kind(name[1]);
    return "";
}

NUMPY_BRIDGE_INLINE std::string hint_for_tensor(std::string_view name) {
    std::string hint = hint_for_name(name);
    constexpr std::string_view for_arrays = "x.view('u1')";
    const std::size_t at = hint.find(for_arrays);
    return at == std::string::npos ? hint : hint.replace(at, for_arrays.size(), "t.view(torch.uint8)");
}

NUMPY_BRIDGE_INLINE const char* hint_for_address(std::string_view name) noexcept {
    const std::string_view hint = hint_for_name(name);
    if (hint == hint_for_times) return "describe the counts behind the times: dtype='int64'";
    if (hint == hint_for_code_points) return "describe the code points: dtype='uint32'";
    if (hint == hint_for_fields) return "describe one field at a time, with its own dtype and strides";
    if (hint == hint_for_objects || hint == hint_for_strings) return "such elements are behind pointers of their own";
    return hint.empty() ? "" : "describe the bytes: dtype='uint8'";
}

NUMPY_BRIDGE_INLINE const char* hint_for_dlpack(dlpack::data_type type) noexcept {
    if (type.code == dlpack::type_code::opaque_handle)
        return "the elements are handles, such as Python objects; convert them to numbers first";
    if (type.code > dlpack::type_code::float4_e2m1fn)
        return "later versions of DLPack may define it; the last known code is 17";
    if (type.lanes != 1) return "vector elements are another dimension: share x as (..., lanes) of one-lane elements";
    if (type.bits < 8) return hint_for_packed;
    return "let its own library share its bytes, as uint8";
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
