/// Whether memory meets the requirements of an argument.
#pragma once

#include <cstddef>
#include <cstdint>

#include <numpy_bridge/arguments/constraints.hpp>
#include <numpy_bridge/memory.hpp>
#include <numpy_bridge/self_overlap.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// The property that a requirement is about.
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
    overlap,
    readonly
};

constexpr bool place_fits(place where, device found) noexcept {
    switch (where) {
    case place::host:
        return host_accessible(found);
    case place::cuda:
        return is_cuda(found);
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

inline bool order_fits(order wanted, const memory& m) noexcept {
    const layout l = layout_of(m);
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

constexpr bool trailing_extents_fit(const requirements& r, const memory& m) noexcept {
    for (int i = 0; i < r.trailing_count; ++i)
        if (r.trailing[i] != -1 && r.trailing[i] != m.shape[m.ndim - r.trailing_count + i]) return false;
    return true;
}

/// Whether all used strides are multiples of the itemsize.
inline bool strides_fit(const memory& m) noexcept {
    if (m.type.id == dtype::opaque) { // of any size
        for (int i = 0; i < m.ndim; ++i)
            if (m.shape[i] > 1 && m.strides[i] % m.opaque.itemsize != 0) return is_empty(m);
        return true;
    }
    return (used_strides(layout_of(m)) & (info(m.type.id).itemsize - 1)) == 0 || is_empty(m);
}

inline bool alignment_fits(const requirements& r, const memory& m) noexcept {
    const std::size_t natural = r.as_bytes ? 1 : info(m.type.id).alignment;
    const std::size_t mask = (r.alignment > natural ? r.alignment : natural) - 1;
    return (reinterpret_cast<std::uintptr_t>(m.data) & mask) == 0 || is_empty(m);
}

/// Whether `m` meets one requirement, given that it meets those before.
template <mismatch Which> bool meets(const requirements& r, const memory& m) noexcept {
    if constexpr (Which == mismatch::device) return place_fits(r.where, m.device);
    else if constexpr (Which == mismatch::dtype)
        return (r.dtypes & set_of(m.type.id)) != 0 && (!r.record || r.record.describes(m));
    else if constexpr (Which == mismatch::byte_order) return m.type.order == byte_order::native || r.as_bytes;
    else if constexpr (Which == mismatch::ndim)
        return (r.ndim < 0 || m.ndim == r.ndim) && m.ndim >= r.min_ndim && m.ndim <= r.max_ndim;
    else if constexpr (Which == mismatch::extents)
        return (m.ndim != r.ndim || extents_fit(r, m)) && (m.ndim < r.min_ndim || trailing_extents_fit(r, m));
    else if constexpr (Which == mismatch::order) return order_fits(r.order, m);
    else if constexpr (Which == mismatch::strides) return r.order != order::any || r.as_bytes || strides_fit(m);
    else if constexpr (Which == mismatch::alignment) return alignment_fits(r, m);
    else if constexpr (Which == mismatch::overlap) return !r.writable || r.order != order::any || elements_are_apart(m);
    else return !r.writable || !m.readonly;
}

template <mismatch...> struct mismatch_list {};

/// All requirements, in the order in which they are compared.
using all_mismatches =
    mismatch_list<mismatch::device, mismatch::dtype, mismatch::byte_order, mismatch::ndim, mismatch::extents,
                  mismatch::order, mismatch::strides, mismatch::alignment, mismatch::overlap, mismatch::readonly>;

template <mismatch... All, class Found>
bool for_each_mismatch(mismatch_list<All...>, const requirements& r, const memory& m, Found found) {
    return ((!meets<All>(r, m) && found(All)) || ...);
}

/// Calls `found(which)` for every requirement that `m` does not meet; stops when it returns true.
template <class Found> bool for_each_mismatch(const requirements& r, const memory& m, Found found) {
    return for_each_mismatch(all_mismatches{}, r, m, found);
}

inline bool meets_all(const requirements& r, const memory& m) {
    return !for_each_mismatch(r, m, [](auto) { return true; });
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
