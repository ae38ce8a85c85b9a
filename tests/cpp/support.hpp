/// Arrays that exist only as descriptions, and what NumPy's slicing would make of them. Nothing at
/// their addresses is ever read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <random>
#include <utility>
#include <vector>

#include <numpy_bridge/memory.hpp>

namespace numpy_bridge {

/// How GoogleTest prints a dtype.
inline void PrintTo(dtype id, std::ostream* out) { *out << info(id).name; }

} // namespace numpy_bridge

namespace numpy_bridge_test {

using extents = std::vector<std::int64_t>;

struct array {
    std::uint64_t address = 0;
    numpy_bridge::dtype type = numpy_bridge::dtype::uint8;
    extents shape;
    extents strides; ///< bytes
    numpy_bridge::device where = numpy_bridge::cpu_device;

    /// Valid as long as this array is.
    numpy_bridge::memory memory() const {
        numpy_bridge::memory m;
        m.data = reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(address));
        m.type = {type, numpy_bridge::byte_order::native};
        m.device = where;
        m.ndim = static_cast<int>(shape.size());
        m.shape = shape.data();
        m.strides = strides.data();
        return m;
    }

    /// x[..., start:stop:step, ...] on one axis, for bounds that lie inside the array.
    array sliced(std::size_t axis, std::int64_t start, std::int64_t stop, std::int64_t step = 1) const {
        array result = *this;
        result.address += static_cast<std::uint64_t>(start * strides[axis]);
        result.strides[axis] = step * strides[axis];
        const std::int64_t towards = step > 0 ? 1 : -1;
        result.shape[axis] = std::max<std::int64_t>((stop - start + step - towards) / step, 0);
        return result;
    }

    array reversed(std::size_t axis) const { return sliced(axis, shape[axis] - 1, -1, -1); }

    array transposed() const {
        array result = *this;
        std::reverse(result.shape.begin(), result.shape.end());
        std::reverse(result.strides.begin(), result.strides.end());
        return result;
    }
};

inline std::ostream& operator<<(std::ostream& out, const array& a) {
    const numpy_bridge::memory m = a.memory();
    return out << numpy_bridge::name_of(m.type) << " at " << a.address << ", shape "
               << numpy_bridge::text_of(m.shape, m.ndim) << ", strides " << numpy_bridge::text_of(m.strides, m.ndim);
}

/// A new array in row-major order.
inline array c_order(std::uint64_t address, numpy_bridge::dtype type, extents shape) {
    extents strides(shape.size());
    auto step = static_cast<std::int64_t>(numpy_bridge::itemsize(type));
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        strides[axis] = step;
        step *= shape[axis];
    }
    return {address, type, std::move(shape), std::move(strides)};
}

/// The address of every element, found by walking through all of them.
inline std::vector<std::uint64_t> element_addresses(const array& a) {
    std::vector<std::uint64_t> addresses = {a.address};
    for (std::size_t axis = 0; axis < a.shape.size(); ++axis) {
        std::vector<std::uint64_t> moved;
        moved.reserve(addresses.size() * static_cast<std::size_t>(a.shape[axis]));
        for (const std::uint64_t address : addresses)
            for (std::int64_t i = 0; i < a.shape[axis]; ++i)
                moved.push_back(address + static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(a.strides[axis]));
        addresses = std::move(moved);
    }
    return addresses;
}

/// Random numbers that are the same on every platform.
class dice {
public:
    explicit dice(std::uint64_t seed) : engine_(seed) {}

    /// One of low, low + 1, ..., high.
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
    }

    /// True once in `n` throws.
    bool once_in(std::int64_t n) { return between(1, n) == 1; }

    template <class Container> const auto& one_of(const Container& values) {
        return values[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(values.size()) - 1))];
    }

private:
    std::mt19937_64 engine_;
};

} // namespace numpy_bridge_test
