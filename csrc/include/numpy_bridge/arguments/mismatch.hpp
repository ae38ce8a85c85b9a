/// Does memory meet the requirements of an argument, and if not: what to tell the caller.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <numpy_bridge/arguments/requirements_text.hpp>
#include <numpy_bridge/memory.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// What a requirement is about.
enum class mismatch : std::uint8_t {
    none,
    device,
    dtype,
    byte_order,
    ndim,
    extents,
    order,
    strides,
    alignment,
    readonly
};

constexpr bool place_fits(place where, device found) noexcept {
    switch (where) {
    case place::host:
        return host_accessible(found);
    case place::cuda:
        return found.type == device_type::cuda || found.type == device_type::cuda_managed;
    case place::anywhere:
        break;
    }
    return true;
}

constexpr bool extents_fit(const requirements& r, const memory& m) noexcept {
    for (int i = 0; r.has_extents && i < r.ndim; ++i)
        if (r.extents[i] != -1 && r.extents[i] != m.shape[i]) return false;
    return true;
}

constexpr bool order_fits(order wanted, const memory& m) noexcept {
    const layout l{m.ndim, m.shape, m.strides, info(m.type.id).itemsize};
    switch (wanted) {
    case order::c:
        return is_c_contiguous(l);
    case order::f:
        return is_f_contiguous(l);
    case order::c_or_f:
        return is_c_contiguous(l) || is_f_contiguous(l);
    case order::any:
        break;
    }
    return true;
}

/// Whether strides count whole elements, where they are used at all.
inline bool strides_fit(const memory& m) noexcept {
    std::int64_t used = 0;
    for (int i = 0; i < m.ndim; ++i) used |= m.shape[i] > 1 ? m.strides[i] : 0;
    return (used & (info(m.type.id).itemsize - 1)) == 0 || is_empty(m);
}

inline bool alignment_fits(const requirements& r, const memory& m) noexcept {
    const std::size_t natural = info(m.type.id).alignment;
    const std::size_t mask = (r.alignment > natural ? r.alignment : natural) - 1;
    return (reinterpret_cast<std::uintptr_t>(m.data) & mask) == 0 || is_empty(m);
}

/// Whether `m` meets one requirement, given that it meets those before.
template <mismatch Which> bool meets(const requirements& r, const memory& m) noexcept {
    if constexpr (Which == mismatch::device) return place_fits(r.where, m.device);
    else if constexpr (Which == mismatch::dtype) return (r.dtypes & set_of(m.type.id)) != 0;
    else if constexpr (Which == mismatch::byte_order) return m.type.order == byte_order::native;
    else if constexpr (Which == mismatch::ndim) return r.ndim < 0 || m.ndim == r.ndim;
    else if constexpr (Which == mismatch::extents) return m.ndim != r.ndim || extents_fit(r, m);
    else if constexpr (Which == mismatch::order) return order_fits(r.order, m);
    else if constexpr (Which == mismatch::strides) return r.order != order::any || strides_fit(m);
    else if constexpr (Which == mismatch::alignment) return alignment_fits(r, m);
    else return !r.writable || !m.readonly;
}

/// All of them, in the order in which they are compared.
using all_mismatches = std::integer_sequence<mismatch, mismatch::device, mismatch::dtype, mismatch::byte_order,
                                             mismatch::ndim, mismatch::extents, mismatch::order, mismatch::strides,
                                             mismatch::alignment, mismatch::readonly>;

template <mismatch... All, class Found>
bool for_each_mismatch(std::integer_sequence<mismatch, All...>, const requirements& r, const memory& m, Found found) {
    return ((!meets<All>(r, m) && found(All)) || ...);
}

/// Calls `found(which)` for every requirement that `m` does not meet; stops when it returns true.
template <class Found> bool for_each_mismatch(const requirements& r, const memory& m, Found found) {
    return for_each_mismatch(all_mismatches{}, r, m, found);
}

inline bool meets_all(const requirements& r, const memory& m) {
    return !for_each_mismatch(r, m, [](auto) { return true; });
}

/// "float64 (5, 2), strides (8, 40) bytes, read-only, on cuda:0": memory as far as it matters.
inline std::string words_for(const memory& m) {
    std::string text = name_of(m.type) + " " + text_of(m.shape, m.ndim);
    if (!is_c_contiguous(layout_of(m))) text += ", strides " + text_of(m.strides, m.ndim) + " bytes";
    if (m.readonly) text += ", read-only";
    if (m.device.type != device_type::cpu) text += ", on " + name_of(m.device);
    return text;
}

/// How the caller's library spells a remedy.
enum class dialect : std::uint8_t { numpy, torch, bytes, other };

/// "np.float32", "torch.bfloat16", "ml_dtypes.bfloat16": the first accepted dtype as code.
inline std::string dtype_in(dialect library, dtype_set accepted) {
    for (const dtype_info& row : dtype_table) {
        if ((accepted & set_of(row.id)) == 0) continue;
        if (library == dialect::torch) return std::string("torch.") + row.name;
        if (row.id == dtype::boolean) return row.name;
        return (row.numpy_number >= 0 ? "np." : "ml_dtypes.") + std::string(row.name);
    }
    return {};
}

/// A call that makes `x` meet the requirement, as the caller's library spells it.
inline std::string remedy(mismatch found, const requirements& r, dialect library, const std::string& x) {
    const bool torch = library == dialect::torch;
    const std::string array = library == dialect::other || library == dialect::bytes ? "np.asarray(" + x + ")" : x;
    switch (found) {
    case mismatch::device:
        if (r.where == place::cuda) return torch ? x + ".cuda()" : "torch.as_tensor(" + x + ").cuda()";
        return torch ? x + ".cpu()" : "its own library's copy to the host";
    case mismatch::dtype:
    case mismatch::byte_order:
        if (library == dialect::bytes) return "np.frombuffer(" + x + ", " + dtype_in(library, r.dtypes) + ")";
        return array + (torch ? ".to(" : ".astype(") + dtype_in(library, r.dtypes) + ")";
    case mismatch::ndim:
    case mismatch::extents:
        return array + ".reshape(...)";
    case mismatch::order:
        if (torch) return x + (r.order == order::f ? ".mT.contiguous().mT" : ".contiguous()");
        return std::string(r.order == order::f ? "np.asfortranarray(" : "np.ascontiguousarray(") + x + ")";
    case mismatch::alignment:
        if (!torch && r.alignment > alignof(std::max_align_t)) return "torch.tensor(" + x + ")"; // aligns to 64
        [[fallthrough]];
    case mismatch::strides:
    case mismatch::readonly:
        return torch ? x + ".clone()" : library == dialect::numpy ? x + ".copy()" : "np.array(" + x + ")";
    case mismatch::none:
        break;
    }
    return {};
}

/// "x.astype(np.float32) and np.ascontiguousarray(x)": a call for each requirement that is not met.
inline std::string remedies(const requirements& r, const memory& m, dialect library, const std::string& x) {
    std::string text;
    for_each_mismatch(r, m, [&](mismatch which) {
        const std::string call = remedy(which, r, library, x);
        if (text.find(call) == std::string::npos) text += (text.empty() ? "" : " and ") + call;
        return false;
    });
    return text;
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
