/// Array arguments as Eigen maps, and Eigen's matrices as results. Optional: including it needs Eigen.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <numpy_bridge/arguments/array_argument.hpp>
#include <numpy_bridge/returned.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// A map over the elements of a one- or two-dimensional argument, without a copy: a column vector or a
/// matrix, const where the elements are. Valid as long as the argument is. A matrix that has strides is of Eigen's
/// row-major type; `as_eigen<Eigen::ColMajor>(x)` is of the other type, which `Eigen::Ref<Eigen::MatrixXd, 0, ...>`
/// takes.
template <int Major = Eigen::RowMajor, class Spec> auto as_eigen(const array_argument<Spec>& x) {
    using T = typename Spec::element;
    using value = std::remove_const_t<T>;
    constexpr int ndim = Spec::wanted.ndim;
    static_assert(ndim == 1 || ndim == 2, "as_eigen needs ndim<1> or ndim<2>");
    constexpr auto order = Spec::wanted.order;
    static_assert(order != detail::order::c || Major == Eigen::RowMajor, "as_eigen: c_contiguous arrays are RowMajor");
    constexpr bool row_major = ndim == 2 && order != detail::order::f && Major == Eigen::RowMajor;
    using matrix = Eigen::Matrix<value, Eigen::Dynamic, ndim == 1 ? 1 : Eigen::Dynamic,
                                 row_major ? Eigen::RowMajor : Eigen::ColMajor>;
    using mapped = std::conditional_t<std::is_const_v<T>, const matrix, matrix>;
    if constexpr (order == detail::order::c || order == detail::order::f) {
        if constexpr (ndim == 1) return Eigen::Map<mapped>(x.data(), x.shape(0));
        else return Eigen::Map<mapped>(x.data(), x.shape(0), x.shape(1));
    } else if constexpr (ndim == 1) {
        using stride = Eigen::InnerStride<Eigen::Dynamic>;
        return Eigen::Map<mapped, Eigen::Unaligned, stride>(x.data(), x.shape(0), stride(x.stride(0)));
    } else {
        using stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
        const auto outer = x.stride(row_major ? 0 : 1), inner = x.stride(row_major ? 1 : 0);
        return Eigen::Map<mapped, Eigen::Unaligned, stride>(x.data(), x.shape(0), x.shape(1), stride(outer, inner));
    }
}

namespace detail {

/// Called with pointers to matrices, and to what derives from them.
template <class Matrix> void plain_object(const Eigen::PlainObjectBase<Matrix>* x);

} // namespace detail

/// `own` takes a matrix over with its shape and order; vectors are one-dimensional.
template <class Matrix>
struct container_layout<Matrix, std::void_t<decltype(detail::plain_object(std::declval<const Matrix*>()))>> {
    static constexpr bool is_linear = Matrix::IsVectorAtCompileTime;
    static std::vector<std::int64_t> shape(const Matrix& m) {
        if constexpr (Matrix::IsVectorAtCompileTime) return {m.size()};
        else return {m.rows(), m.cols()};
    }
    static std::vector<std::int64_t> strides(const Matrix& m) {
        if constexpr (Matrix::IsVectorAtCompileTime) return {};
        else return {m.rowStride(), m.colStride()};
    }
};

NUMPY_BRIDGE_NAMESPACE_END
