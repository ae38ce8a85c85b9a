/// The argument types of C++ functions: `borrowed` for the length of a call, `shared` for longer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <numpy_bridge/anchor.hpp>
#include <numpy_bridge/arguments/strided_array.hpp>
#include <numpy_bridge/device.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

template <class Spec> class pinned_borrow; // see `by_hand.hpp`

/// A borrow keeps nothing: the caller holds the object, and the GIL keeps others from touching it.
class borrow {
public:
    borrow() = default;
    explicit borrow(PyObject* object) noexcept : object_(object) {}
    PyObject* object() const noexcept { return object_; }

private:
    PyObject* object_ = nullptr;
};

/// A share keeps the object alive and its block in place, until the last copy goes, on any thread.
class share {
public:
    share() = default;
    explicit share(anchor kept) : anchor_(std::make_shared<const anchor>(std::move(kept))) {}
    PyObject* object() const noexcept { return anchor_ ? anchor_->object() : nullptr; }

private:
    std::shared_ptr<const anchor> anchor_;
};

/// The device, stream and owner of an imported argument.
struct argument_facts {
    numpy_bridge::device device = cpu_device;
    void* stream = nullptr;
    bool readonly = false;
    bool copied = false;
};

/// The parts of an argument type: how it holds the memory, its element type, its constraints.
template <class Hold, class T, class... Constraints> struct argument_spec {
    using hold = Hold;
    using element = T;
    static constexpr requirements wanted = make_requirements<T, Constraints...>();
    static constexpr int ndim = wanted.ndim + (wanted.as_bytes && wanted.ndim >= 0 ? 1 : 0);
    using elements = strided_array<typename stored_element<T>::type, ndim, wanted.order>;

    /// The same with another element type and more constraints, which supersede those that decide the same.
    template <class U, class... More>
    using with = argument_spec<Hold, U, unless_superseded<Constraints, More...>..., More...>;

    static_assert(!wanted.may_copy || std::is_const_v<T>,
                  "allow_copy, allow_cast and array_like need const elements: writes to a copy would be lost");
    static_assert(wanted.may_convert || (wanted.may_copy && !wanted.may_narrow), "keep_dtype goes with allow_copy");
    static_assert(!wanted.as_bytes || wanted.order != order::f,
                  "the bytes of an element are neighbours: use any_contiguous for those of arrays in Fortran order");
};

} // namespace detail

/// An array that a Python caller passed, checked against its element type and constraints; see the
/// aliases `borrowed` and `shared`. Elements are reached as in `strided_array`. Copies are cheap and
/// refer to the same memory.
template <class Spec> class array_argument : public Spec::elements {
    using elements = typename Spec::elements;
    using hold = typename Spec::hold;

public:
    using spec = Spec;

    array_argument() = default;

    /// Wraps memory that meets the requirements. Type casters call it; functions rarely need to.
    array_argument(const memory& m, void* stream, bool copied, hold kept)
        : elements(m),
          facts_{m.device, stream, m.readonly, copied},
          hold_(std::move(kept)) {}

    /// A borrow by hand pins its memory until it is destroyed: keep it with `auto`, for a copy of a temporary one would
    /// be left without memory.
    template <class Temporary, class = std::enable_if_t<std::is_same_v<Temporary, detail::pinned_borrow<Spec>>>>
    array_argument(Temporary&&) = delete;
    template <class Temporary, class = std::enable_if_t<std::is_same_v<Temporary, detail::pinned_borrow<Spec>>>>
    array_argument& operator=(Temporary&&) = delete;

    /// "cpu", or the CUDA device and its index.
    numpy_bridge::device device() const noexcept { return facts_.device; }

    /// For CUDA memory the producer's current stream, as a cudaStream_t. Work launched there needs
    /// no synchronisation. Null for host memory.
    void* stream() const noexcept { return facts_.stream; }

    /// Whether the memory is read-only. Always false if the elements are not const.
    bool readonly() const noexcept { return facts_.readonly; }

    /// Whether `allow_copy` made a copy, so that this is not the caller's memory.
    bool copied() const noexcept { return facts_.copied; }

    /// The Python object that was passed. Needs the GIL.
    py::object object() const { return py::reinterpret_borrow<py::object>(handle()); }

    /// The same, borrowed.
    py::handle handle() const noexcept { return hold_.object(); }

    /// The memory, described as it was passed; `strides` gives room for its byte strides. Bytes have lost the byte
    /// order and the dtype of the elements that they are of.
    memory description(dims& strides) const noexcept {
        constexpr const auto& record = spec::wanted.record;
        const int ndim = this->ndim() - (spec::wanted.as_bytes ? 1 : 0);
        std::int64_t step = 1; // of one element, in bytes
        if constexpr (record) step = sizeof(typename Spec::element);
        else if constexpr (!spec::wanted.as_bytes) step = static_cast<std::int64_t>(itemsize(this->dtype()));
        for (int i = 0; i < ndim; ++i) strides[static_cast<std::size_t>(i)] = this->strides()[i] * step;
        const auto* data = reinterpret_cast<const std::byte*>(this->data());
        memory m{const_cast<std::byte*>(data),
                 {this->dtype(), byte_order::native},
                 facts_.device,
                 facts_.readonly,
                 ndim,
                 this->shape(),
                 strides.data(),
                 {}};
        if constexpr (record) m.opaque = {step, record.dtype()};
        else if constexpr (spec::wanted.as_bytes) m.opaque.itemsize = this->shape(ndim);
        return m;
    }

    /// The same elements as U and under more constraints, which the caller has checked; see `visit`.
    template <class U, class... More> auto as() const {
        static_assert(std::is_const_v<U> || !std::is_const_v<typename Spec::element>, "const elements stay const");
        dims strides;
        return array_argument<typename Spec::template with<U, More...>>(description(strides), facts_.stream,
                                                                        facts_.copied, hold_);
    }

private:
    detail::argument_facts facts_;
    hold hold_;
};

/// An argument used during the call only: nothing is allocated, kept or pinned.
///
/// T is the element type: `float`, `const float` (read-only memory is accepted too), `one_of<float,
/// double>`, `void` (any dtype of numbers), `std::byte` (the bytes of any elements), a struct (see `records.hpp`), or
/// const ones of them. Memory is on the CPU unless `cuda` or `any_device` is among the constraints.
///
/// Valid while the function runs and holds the GIL. To release the GIL, use `py::call_guard<
/// py::gil_scoped_release>()` or `gil_released`, which pin the memory first; to keep the memory, take
/// `shared`.
template <class T, class... Constraints>
using borrowed = array_argument<detail::argument_spec<detail::borrow, T, Constraints...>>;

/// An argument that may be kept: its owner stays alive and its block in place until the last copy is
/// gone. Copies may be used and destroyed on any thread, with or without the GIL.
template <class T, class... Constraints>
using shared = array_argument<detail::argument_spec<detail::share, T, Constraints...>>;

NUMPY_BRIDGE_NAMESPACE_END
