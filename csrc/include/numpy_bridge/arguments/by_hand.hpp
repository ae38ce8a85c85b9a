/// Arrays out of objects that are no arguments of their own: items of `py::args`, dicts and lists, attributes.
///
///     m.def("total", [](const py::dict& named) {
///         const auto x = borrow<const float, ndim<1>>(named["x"], "x");
///         return std::accumulate(...); });
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include <numpy_bridge/arguments/caster.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Imports `x`, pinned. Raises TypeError with the reason if it does not fit.
void load_by_hand(py::handle x, const requirements& r, const std::string& name, loaded_argument& out);

template <class Spec, class Hold> array_argument<Spec> argument_over(loaded_argument& loaded, Hold kept) {
    return {loaded.in.description, stream_of(loaded.in), static_cast<bool>(loaded.copy), std::move(kept)};
}

/// A borrow that pins its memory until it is destroyed, with the GIL. A write is noted then, too.
template <class Spec> class pinned_borrow : public array_argument<Spec> {
public:
    explicit pinned_borrow(loaded_argument&& loaded)
        : array_argument<Spec>(argument_over<Spec>(loaded, borrow(loaded.object))),
          kept_(loaded.in.anchored_to(loaded.object)) {}
    pinned_borrow(const pinned_borrow&) = delete;
    pinned_borrow& operator=(const pinned_borrow&) = delete;
    ~pinned_borrow() {
        PyObject* const object = this->handle().ptr();
        if constexpr (Spec::wanted.writable) engine::note_writes(&object, 1);
    }

private:
    anchor kept_;
};

} // namespace detail

/// The memory of `x`, if it meets the requirements; as a whole argument it would be `borrowed<T, Constraints...>`.
/// Valid as long as the result, which needs the GIL to be destroyed. Raises TypeError, which calls the object `name`.
template <class T, class... Constraints>
detail::pinned_borrow<detail::argument_spec<detail::borrow, T, Constraints...>> borrow(py::handle x,
                                                                                       const std::string& name) {
    using result = detail::pinned_borrow<detail::argument_spec<detail::borrow, T, Constraints...>>;
    detail::loaded_argument loaded;
    detail::load_by_hand(x, result::spec::wanted, name, loaded);
    return result(std::move(loaded));
}

/// The same as a `shared<T, Constraints...>`, which may be kept.
template <class T, class... Constraints> shared<T, Constraints...> share(py::handle x, const std::string& name) {
    using spec = typename shared<T, Constraints...>::spec;
    detail::loaded_argument loaded;
    detail::load_by_hand(x, spec::wanted, name, loaded);
    return detail::argument_over<spec>(loaded, detail::share(loaded.in.anchored_to(loaded.object)));
}

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/arguments/by_hand.cpp"
#endif
