#include <numpy_bridge/libraries/torch_layout.hpp>

#include <cstdlib>
#include <exception>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

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

/// Samples by their known properties. All are on the CPU.
struct samples {
    objects plain;   ///< ordinary, own their storage, untracked
    objects views;   ///< ordinary, share a storage
    objects tracked; ///< ordinary, tracked by autograd
    objects aliases; ///< of the plain ones, with the same counter of writes; each has counted another number
    objects others;  ///< of the plain ones, with a counter of their own
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
                 torch.attr("frombuffer")(py::bytearray("0123456789abc", 13), dtype("uint8"))};
        views = {flat.attr("view")(4, 6).attr("t")(), flat.attr("narrow")(0, 3, 5)};
        const py::object leaf = ones(3, dtype("float32"), py::arg("requires_grad") = true);
        tracked = {leaf, leaf.attr("mul")(2), torch.attr("nn").attr("Parameter")(ones(2, dtype("float32")))};
        for (std::size_t i = 0; i < plain.size(); ++i) {
            for (std::size_t writes = 0; writes < 3 + 2 * i; ++writes) plain[i].attr("zero_")();
            aliases.push_back(plain[i].attr("detach")());
            others.push_back(plain[i].attr("data"));
        }
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

/// Searches samples made with torch for the offsets.
class torch_layout_finder {
public:
    explicit torch_layout_finder(py::handle torch) {
        const samples seen(torch);
        const objects ordinary = seen.ordinary();
        const auto object_itself = [](const py::object& t) -> const void* { return t.ptr(); };
        const auto address = [](const py::object& x, const char* name) { return to_address(x.attr(name)); };

        const auto impl = only_offset(ordinary, object_itself, sizeof(PyObject), 32, [&](auto* o, auto at, auto& t) {
            return word_at(o, at) == address(t, "_cdata");
        });
        if (!impl) return;
        found_.impl_ = *impl;

        const auto impl_of_sample = [this](const py::object& t) { return found_.impl_of(t.ptr()); };
        const auto storage = only_offset(ordinary, impl_of_sample, 8, max_impl, [&](auto* o, auto at, auto& t) {
            return word_at(o, at) == address(t.attr("untyped_storage")(), "_cdata");
        });
        const auto autograd = autograd_offset(seen);
        if (!storage || !autograd || !find_key_set(seen)) return;
        found_.storage_ = *storage;
        found_.autograd_ = *autograd;
        found_.known_ = find_storage_fields(seen.plain);
        find_version(seen);
    }

    const torch_layout& found() const noexcept { return found_; }

private:
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

    /// Null if autograd does not track the tensor, else set.
    std::optional<std::size_t> autograd_offset(const samples& seen) const {
        objects all = seen.plain;
        all.insert(all.end(), seen.tracked.begin(), seen.tracked.end());
        return only_offset(
            all, [this](const py::object& t) { return found_.impl_of(t.ptr()); }, 8, max_impl,
            [&](const void* o, std::size_t at, const py::object& t) {
                const bool tracked = is_true(t.attr("requires_grad"));
                return (word_at(o, at) != 0) == tracked;
            });
    }

    /// The same for all ordinary tensors; one bit of it stands for negation, another for conjugation.
    bool find_key_set(const samples& seen) {
        const objects ordinary = seen.ordinary();
        const auto at_plain = [&](std::size_t at) { return word_at(found_.impl_of(seen.plain[0].ptr()), at); };
        const auto at_sample = [&](const py::object& t, std::size_t at) {
            return word_at(found_.impl_of(t.ptr()), at) ^ at_plain(at);
        };
        const auto one_bit = [](std::uintptr_t word) { return word != 0 && (word & (word - 1)) == 0; };
        const auto found = only_offset(
            ordinary, [this](const py::object& t) { return found_.impl_of(t.ptr()); }, 8, max_impl,
            [&](const void* o, std::size_t at, const py::object&) {
                const auto negated = at_sample(seen.negated, at), conjugated = at_sample(seen.conjugated, at);
                return word_at(o, at) == at_plain(at) && one_bit(negated) && one_bit(conjugated) &&
                       negated != conjugated && at_sample(seen.both, at) == (negated | conjugated) &&
                       at_sample(seen.zero, at) != 0;
            });
        if (!found) return false;
        found_.key_set_ = *found;
        found_.ordinary_keys_ = at_plain(found_.key_set_);
        return true;
    }

    bool find_storage_fields(const objects& plain) {
        const auto storage = [this](const py::object& t) {
            return pointer_of(word_at(found_.impl_of(t.ptr()), found_.storage_));
        };
        const auto field = [&](const char* method) {
            return only_offset(plain, storage, 8, max_storage, [&](const void* o, std::size_t at, const py::object& t) {
                const py::object value = t.attr("untyped_storage")().attr(method)();
                return word_at(o, at) == to_address(value);
            });
        };
        const auto data = field("data_ptr"), size = field("nbytes");
        if (!data || !size) return false;
        found_.data_ = *data;
        found_.size_ = *size;
        found_.resizable_ = find_resizable(plain, storage);
        return true;
    }

    /// The one byte that is 1 for storages that can be resized, and 0 for those that cannot; else 0.
    template <class StorageOf> static std::size_t find_resizable(const objects& plain, StorageOf storage) {
        std::size_t found = 0;
        for (std::size_t at = 8; at < max_storage; ++at) {
            bool fits = true;
            for (const py::object& t : plain)
                fits = fits && static_cast<const unsigned char*>(storage(t))[at] ==
                                   (is_true(t.attr("untyped_storage")().attr("resizable")()) ? 1 : 0);
            if (!fits) continue;
            if (found != 0) return 0;
            found = at;
        }
        return found;
    }

    /// The counter is read only as far as the first number that is the version of all samples, which differ in it.
    void find_version(const samples& seen) {
        const auto word = [this](const py::object& t, std::size_t at) { return word_at(found_.impl_of(t.ptr()), at); };
        const auto all = [&](auto passes) {
            for (std::size_t i = 0; i < seen.plain.size(); ++i)
                if (!passes(i)) return false;
            return true;
        };
        const auto version = [&](std::size_t i) {
            return static_cast<std::uint32_t>(to_address(seen.plain[i].attr("_version")));
        };
        std::size_t counters = 0;
        for (std::size_t at = 8; at < max_impl; at += sizeof(void*)) {
            if (!all([&](std::size_t i) {
                    const auto counter = word(seen.plain[i], at);
                    return counter != 0 && counter == word(seen.aliases[i], at) && counter != word(seen.others[i], at);
                }))
                continue;
            found_.counter_ = at;
            ++counters;
        }
        if (counters != 1) return;
        for (std::size_t at = 8; at < max_counter && found_.version_ == 0; at += sizeof(std::uint32_t))
            if (all([&](std::size_t i) {
                    const void* counter = pointer_of(word(seen.plain[i], found_.counter_));
                    return version_at(counter, at).load() == version(i);
                }))
                found_.version_ = at;
        if (!all([&](std::size_t i) { // the only fields that are ever written, so they are tried
                const std::uint32_t before = version(i);
                return found_.count_write(seen.plain[i].ptr()) && version(i) == before + 1;
            }))
            found_.version_ = 0;
    }

    // No object of torch 2 is smaller than this.
    static constexpr std::size_t max_impl = 176, max_storage = 64, max_counter = 24;

    torch_layout found_;
};

} // namespace engine

NUMPY_BRIDGE_INLINE torch_layout torch_layout::find(py::handle torch) noexcept {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): read once, while torch is first used
    const char* setting = std::getenv("NUMPY_BRIDGE_FAST_TENSORS");
    if (setting != nullptr && std::strcmp(setting, "0") == 0) return {};
    try {
        return engine::torch_layout_finder(torch).found();
    } catch (py::error_already_set&) {
        return {};
    } catch (const std::exception&) {
        return {};
    }
}

NUMPY_BRIDGE_NAMESPACE_END
