/// Returns memory from C++ to Python as an array, without a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <numpy_bridge/arguments/array_argument.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// A block of memory with its shape and what frees it: `owned` without its element type.
class owned_memory {
public:
    owned_memory(void* data, element_type type, bool readonly, std::vector<std::int64_t> shape, owner release);

    /// The memory that Python will use.
    memory description() const noexcept;

    /// Transfers ownership of the memory.
    owner release() noexcept { return std::move(owner_); }

private:
    memory memory_;
    std::vector<std::int64_t> shape_, strides_;
    owner owner_;
};

/// Refuses a shape of another number of elements than `available`.
void check_count(const std::vector<std::int64_t>& shape, std::size_t available);

py::object numpy_array_of(owned_memory&& from);
py::object torch_tensor_of(owned_memory&& from);
py::object view_of(owned_memory&& from);
py::object object_like(py::handle like, owned_memory&& from);

} // namespace engine

/// A block of memory with its shape and what frees it, on its way to Python. Returned from a bound
/// function it becomes a NumPy array; `to_numpy`, `to_torch`, `to_view` and `to_library_of` choose.
/// `const T` makes read-only arrays.
template <class T> class owned : public engine::owned_memory {
public:
    /// `data` holds elements of the given shape in C order, and `release` frees it. Raises
    /// sharing_error for impossible shapes, and frees `data` then as well.
    owned(T* data, std::vector<std::int64_t> shape, owner release)
        : owned_memory(const_cast<std::remove_const_t<T>*>(data),
                       {element<std::remove_const_t<T>>::id, byte_order::native}, std::is_const_v<T>, std::move(shape),
                       std::move(release)) {}
};

namespace detail {

template <class T> owner owner_of(std::unique_ptr<T> kept) {
    return {kept.release(), [](void* context) { delete static_cast<T*>(context); }};
}

} // namespace detail

/// Takes over a contiguous container (std::vector, std::array, ...). Without a shape the array is
/// one-dimensional. Raises sharing_error, a BufferError in Python, if shape and size differ.
template <class Container, class T = std::remove_reference_t<decltype(*std::declval<Container&>().data())>>
owned<T> own(Container&& container, std::optional<std::vector<std::int64_t>> shape = std::nullopt) {
    static_assert(!std::is_lvalue_reference_v<Container>, "own() takes the container over: pass std::move(container)");
    const std::size_t size = container.size();
    if (!shape) shape.emplace(1, static_cast<std::int64_t>(size));
    engine::check_count(*shape, size);
    auto kept = std::make_unique<Container>(std::forward<Container>(container));
    T* data = kept->data();
    return owned<T>(data, *std::move(shape), detail::owner_of(std::move(kept)));
}

/// Takes over an array of `shape`'s number of elements.
template <class T, class Deleter> owned<T> own(std::unique_ptr<T[], Deleter> array, std::vector<std::int64_t> shape) {
    auto kept = std::make_unique<std::unique_ptr<T[], Deleter>>(std::move(array));
    T* data = kept->get();
    return owned<T>(data, std::move(shape), detail::owner_of(std::move(kept)));
}

/// Takes over `data`, which `deleter(data)` frees: once, on any thread, maybe without the GIL. It must not throw.
template <class T, class Deleter> owned<T> own(T* data, std::vector<std::int64_t> shape, Deleter deleter) {
    auto kept = std::make_unique<std::unique_ptr<T, Deleter>>(data, std::move(deleter));
    return owned<T>(data, std::move(shape), detail::owner_of(std::move(kept)));
}

/// A NumPy array over the memory. Raises sharing_error for dtypes that NumPy lacks.
template <class T> py::object to_numpy(owned<T> from) { return engine::numpy_array_of(std::move(from)); }

/// A torch tensor over the memory. Imports torch; raises sharing_error for dtypes that it lacks and for
/// const elements, because tensors are always writable.
template <class T> py::object to_torch(owned<T> from) { return engine::torch_tensor_of(std::move(from)); }

/// A `numpy_bridge.View` of the memory. Imports numpy_bridge, which must be installed.
template <class T> py::object to_view(owned<T> from) { return engine::view_of(std::move(from)); }

/// An array of the library that `like` belongs to: its exchange API or `from_dlpack` takes the memory over. NumPy's
/// for buffers and other objects whose library cannot be found.
template <class T> py::object to_library_of(py::handle like, owned<T> from) {
    return engine::object_like(like, std::move(from));
}

template <class Spec, class T> py::object to_library_of(const array_argument<Spec>& like, owned<T> from) {
    return to_library_of(like.object(), std::move(from));
}

NUMPY_BRIDGE_NAMESPACE_END

namespace pybind11::detail {

/// Returned from a function it becomes a NumPy array.
template <class T> struct type_caster<numpy_bridge::owned<T>> {
    static constexpr auto name = const_name("numpy.ndarray");

    static handle cast(numpy_bridge::owned<T>&& from, return_value_policy, handle) {
        return numpy_bridge::to_numpy(std::move(from)).release();
    }
};

} // namespace pybind11::detail

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/returned.cpp"
#endif
