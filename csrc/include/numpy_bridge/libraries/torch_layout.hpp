/// Where torch keeps what the exchange API leaves out, found at run time.
///
/// Asking torch whether a tensor is negated, conjugated or tracked by autograd, and where its storage
/// ends, takes about 200 ns through Python's attributes: three times as long as reading the tensor.
/// The answers are words in the C++ objects behind it (`c10::TensorImpl`, `c10::StorageImpl`). Their offsets
/// are no public interface, so none is written down here: they are found by looking at sample tensors whose
/// answers are known, each must be found exactly once, and every kind of tensor that has to be told apart is
/// among the samples. If anything is not as expected, nothing is known and torch is asked.
///
/// The environment variable NUMPY_BRIDGE_FAST_TENSORS=0 turns the search off. Unset, or with any other value, it is on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include <numpy_bridge/memory.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// The host memory behind a tensor, as its storage knows it.
struct storage_extent {
    const std::byte* data;
    std::int64_t size; ///< bytes
};

inline bool operator==(const storage_extent& a, const storage_extent& b) noexcept {
    return a.data == b.data && a.size == b.size;
}

namespace engine {

/// The word at `offset` bytes behind `object`.
inline std::uintptr_t word_at(const void* object, std::size_t offset) noexcept {
    std::uintptr_t word = 0;
    std::memcpy(&word, static_cast<const std::byte*>(object) + offset, sizeof word);
    return word;
}

// NOLINTNEXTLINE(performance-no-int-to-ptr): words that hold pointers
inline const void* pointer_of(std::uintptr_t word) noexcept { return reinterpret_cast<const void*>(word); }

} // namespace engine

/// The offsets, if they were found. Reading needs the GIL and a tensor that has a C++ object.
class torch_layout {
public:
    torch_layout() = default; ///< nothing is known

    bool known() const noexcept { return known_; }

    /// Whether memory holds the tensor's values: the tensor is dispatched as an ordinary CPU tensor is, so it
    /// is not negated, conjugated, zero, wrapped, sparse or quantized. False means: ask torch.
    bool is_ordinary(PyObject* tensor) const noexcept {
        return engine::word_at(impl_of(tensor), key_set_) == ordinary_keys_;
    }

    /// Whether autograd knows nothing of the tensor. False means: ask torch.
    bool is_untracked(PyObject* tensor) const noexcept { return engine::word_at(impl_of(tensor), autograd_) == 0; }

    /// A size of -1 where there is no storage.
    storage_extent storage_of(PyObject* tensor) const noexcept {
        const void* storage = engine::pointer_of(engine::word_at(impl_of(tensor), storage_));
        if (storage == nullptr) return {nullptr, -1};
        return {static_cast<const std::byte*>(engine::pointer_of(engine::word_at(storage, data_))),
                static_cast<std::int64_t>(engine::word_at(storage, size_))};
    }

    /// Looks at samples made with `torch`, unless the environment turns this off. Never raises.
    static torch_layout find(py::handle torch) noexcept {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): read once, while torch is first used
        const char* setting = std::getenv("NUMPY_BRIDGE_FAST_TENSORS");
        if (setting != nullptr && std::strcmp(setting, "0") == 0) return {};
        try {
            return torch_layout(torch);
        } catch (py::error_already_set&) {
            return {};
        } catch (const std::exception&) {
            return {};
        }
    }

private:
    using objects = std::vector<py::object>;

    /// Python's `with`.
    class with {
    public:
        explicit with(py::object manager) : manager_(std::move(manager)) { manager_.attr("__enter__")(); }
        ~with() {
            try {
                manager_.attr("__exit__")(py::none(), py::none(), py::none());
            } catch (py::error_already_set& error) {
                error.discard_as_unraisable("leaving a context of torch's");
            }
        }
        with(const with&) = delete;
        with& operator=(const with&) = delete;

    private:
        py::object manager_;
    };

    /// Samples by what is known of them. All are on the CPU.
    struct samples {
        objects plain;   ///< ordinary, own their storage, untracked
        objects views;   ///< ordinary, share a storage
        objects tracked; ///< ordinary, autograd has a say
        py::object negated, conjugated, both, zero;

        explicit samples(py::handle torch) {
            const with grad_enabled(torch.attr("enable_grad")()), no_inference(torch.attr("inference_mode")(false));
            const auto dtype = [&](const char* name) { return py::arg("dtype") = torch.attr(name); };
            const auto ones = [&](int count, auto... options) {
                return torch.attr("ones")(count, py::arg("device") = "cpu", std::move(options)...);
            };
            const py::object flat = ones(24, dtype("float32"));
            plain = {flat,
                     ones(5, dtype("float64")),
                     ones(7, dtype("int8")),
                     ones(3, dtype("complex64")),
                     ones(11, dtype("bool")),
                     torch.attr("frombuffer")(py::bytearray("0123456789abc"), dtype("uint8"))};
            views = {flat.attr("view")(4, 6).attr("t")(), flat.attr("narrow")(0, 3, 5)};
            const py::object leaf = ones(3, dtype("float32"), py::arg("requires_grad") = true);
            tracked = {leaf, leaf.attr("mul")(2), torch.attr("nn").attr("Parameter")(ones(2, dtype("float32")))};
            negated = flat.attr("_neg_view")();
            conjugated = plain[3].attr("conj")();
            both = conjugated.attr("_neg_view")();
            zero = torch.attr("_efficientzerotensor")(3, py::arg("device") = "cpu");
        }

        objects ordinary() const {
            objects all = plain;
            all.insert(all.end(), views.begin(), views.end());
            all.insert(all.end(), tracked.begin(), tracked.end());
            return all;
        }
    };

    explicit torch_layout(py::handle torch) {
        const samples seen(torch);
        const objects ordinary = seen.ordinary();
        const auto object_itself = [](const py::object& t) -> const void* { return t.ptr(); };
        const auto address = [](const py::object& x, const char* name) { return x.attr(name).cast<std::uintptr_t>(); };

        const auto impl = only_offset(ordinary, object_itself, sizeof(PyObject), 32, [&](auto* o, auto at, auto& t) {
            return engine::word_at(o, at) == address(t, "_cdata");
        });
        if (!impl) return;
        impl_ = *impl;

        const auto impl_of_sample = [this](const py::object& t) { return impl_of(t.ptr()); };
        const auto storage = only_offset(ordinary, impl_of_sample, 8, max_impl, [&](auto* o, auto at, auto& t) {
            return engine::word_at(o, at) == address(t.attr("untyped_storage")(), "_cdata");
        });
        const auto autograd = autograd_offset(seen);
        if (!storage || !autograd || !find_key_set(seen)) return;
        storage_ = *storage;
        autograd_ = *autograd;
        known_ = find_storage_fields(seen.plain);
    }

    /// The one offset at which `passes` holds for every sample, if there is exactly one.
    template <class ObjectOf, class Test>
    static std::optional<std::size_t> only_offset(const objects& all, ObjectOf object_of, std::size_t begin,
                                                  std::size_t end, Test passes) {
        std::optional<std::size_t> found;
        for (std::size_t at = begin; at < end; at += sizeof(void*)) {
            bool fits = true;
            for (const py::object& sample : all) fits = fits && passes(object_of(sample), at, sample);
            if (!fits) continue;
            if (found) return std::nullopt;
            found = at;
        }
        return found;
    }

    /// Null where autograd has no say, and set where it has.
    std::optional<std::size_t> autograd_offset(const samples& seen) const {
        objects all = seen.plain;
        all.insert(all.end(), seen.tracked.begin(), seen.tracked.end());
        return only_offset(
            all, [this](const py::object& t) { return impl_of(t.ptr()); }, 8, max_impl,
            [&](const void* o, std::size_t at, const py::object& t) {
                const bool tracked = t.attr("requires_grad").cast<bool>();
                return (engine::word_at(o, at) != 0) == tracked;
            });
    }

    /// The same for all ordinary tensors; one bit of it stands for negation, another for conjugation.
    bool find_key_set(const samples& seen) {
        const objects ordinary = seen.ordinary();
        const auto at_plain = [&](std::size_t at) { return engine::word_at(impl_of(seen.plain[0].ptr()), at); };
        const auto at_sample = [&](const py::object& t, std::size_t at) {
            return engine::word_at(impl_of(t.ptr()), at) ^ at_plain(at);
        };
        const auto one_bit = [](std::uintptr_t word) { return word != 0 && (word & (word - 1)) == 0; };
        const auto found = only_offset(
            ordinary, [this](const py::object& t) { return impl_of(t.ptr()); }, 8, max_impl,
            [&](const void* o, std::size_t at, const py::object&) {
                const auto negated = at_sample(seen.negated, at), conjugated = at_sample(seen.conjugated, at);
                return engine::word_at(o, at) == at_plain(at) && one_bit(negated) && one_bit(conjugated) &&
                       negated != conjugated && at_sample(seen.both, at) == (negated | conjugated) &&
                       at_sample(seen.zero, at) != 0;
            });
        if (!found) return false;
        key_set_ = *found;
        ordinary_keys_ = at_plain(key_set_);
        return true;
    }

    bool find_storage_fields(const objects& plain) {
        const auto storage = [this](const py::object& t) {
            return engine::pointer_of(engine::word_at(impl_of(t.ptr()), storage_));
        };
        const auto field = [&](const char* method) {
            return only_offset(plain, storage, 8, max_storage, [&](const void* o, std::size_t at, const py::object& t) {
                const py::object value = t.attr("untyped_storage")().attr(method)();
                return engine::word_at(o, at) == value.cast<std::uintptr_t>();
            });
        };
        const auto data = field("data_ptr"), size = field("nbytes");
        if (!data || !size) return false;
        data_ = *data;
        size_ = *size;
        return true;
    }

    const void* impl_of(PyObject* tensor) const noexcept { return engine::pointer_of(engine::word_at(tensor, impl_)); }

    // No object of torch 2 is smaller than this.
    static constexpr std::size_t max_impl = 176, max_storage = 64;

    bool known_ = false;
    std::size_t impl_ = 0, storage_ = 0, autograd_ = 0, key_set_ = 0; // in the Python object, then in TensorImpl
    std::size_t data_ = 0, size_ = 0;                                 // in StorageImpl
    std::uintptr_t ordinary_keys_ = 0;
};

NUMPY_BRIDGE_NAMESPACE_END
