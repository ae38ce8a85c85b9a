#include "in_place.hpp"

#include <memory>
#include <optional>
#include <string>

#include <numpy_bridge/python.hpp>
#include <numpy_bridge/self_overlap.hpp>

#include "cuda.hpp"
#include "kernels/copy.hpp"

namespace numpy_bridge {

namespace {

using detail::refuse;

bool is_swapped(const memory& m) noexcept { return m.type.order == byte_order::swapped; }

bool on_cuda(const memory& m) noexcept {
    return m.device.type == device_type::cuda || m.device.type == device_type::cuda_managed;
}

/// Memory that the host works on. Managed memory is the device's, which may be working on it.
bool on_host(const memory& m) noexcept { return host_accessible(m.device) && !on_cuda(m); }

void require_place(const char* operation, const memory& m) {
    if (!on_host(m) && !on_cuda(m))
        refuse(operation, "device", "memory on the host or on a CUDA device", name_of(m.device),
               "let its own library do it, or copy it to the host first");
}

void require_one_device(const memory& x, const memory& y) {
    require_place("add_", x);
    require_place("add_", y);
    if (on_host(x) ? on_host(y) : on_cuda(y) && x.device.index == y.device.index) return;
    refuse("add_", "device", name_of(x.device) + ", where x is", name_of(y.device),
           "copy_ moves between devices: numpy_bridge.copy_(new, y), with a new array beside x");
}

/// Devices, unlike processors, compute with elements only where they are aligned.
void require_aligned_elements(const memory& m) {
    const std::int64_t alignment = info(m.type.id).alignment;
    if (!is_aligned(m, alignment))
        refuse("add_", "alignment", "elements at multiples of " + std::to_string(alignment) + " bytes on a device",
               "address " + std::to_string(reinterpret_cast<std::uintptr_t>(m.data)) + " with strides " +
                   text_of(m.strides, m.ndim),
               "copy_ takes memory that is not aligned: copy to new memory first");
}

/// Two elements of what is written must not be one.
void require_distinct_elements(const char* operation, const memory& m) {
    if (overlaps_itself(m) == overlap::no) return;
    refuse(operation, "strides", "elements that do not overlap each other, to write to",
           text_of(m.strides, m.ndim) + " for shape " + text_of(m.shape, m.ndim),
           "write to a copy: broadcast arrays and sliding windows have several elements at one address");
}

dims strides_for(const char* operation, const memory& target, const memory& source) {
    dims strides;
    if (!kernels::broadcast_strides(source, target.ndim, target.shape, strides))
        refuse(operation, "shape", "one that broadcasts to " + text_of(target.shape, target.ndim),
               text_of(source.shape, source.ndim), "only the operand that is read is broadcast");
    return strides;
}

/// Whether writing an element may change another one of the source that is yet to be read.
bool interferes(const memory& target, const memory& source, const dims& strides) {
    if (!bounds_overlap(target, source)) return false;
    bool element_by_element = target.data == source.data && itemsize(target) == itemsize(source);
    for (int i = 0; i < target.ndim; ++i)
        if (target.shape[i] > 1 && target.strides[i] != strides[static_cast<std::size_t>(i)])
            element_by_element = false;
    return !element_by_element && overlaps(target, source) != overlap::no;
}

/// A copy of what is read, in C order, for where it would be overwritten meanwhile.
class snapshot {
public:
    explicit snapshot(const memory& source)
        : block_(new std::byte[static_cast<std::size_t>(byte_count(source))]),
          memory_(source) {
        memory_.data = block_.get();
        memory_.strides = strides_.data();
        fill_c_strides(source.ndim, source.shape, itemsize(source), strides_.data());
        kernels::copy_on_cpu(source.type, source.type, kernels::iterate(memory_, source.data, source.strides));
    }
    const memory& get() const noexcept { return memory_; }

private:
    std::unique_ptr<std::byte[]> block_;
    dims strides_;
    memory memory_;
};

[[noreturn]] void refuse_order(const memory& m) {
    refuse("add_", "byte order", "native elements", name_of(m.type), "copy_ converts byte orders");
}

void require_same_dtype(const memory& x, const memory& y) {
    if (is_swapped(y)) refuse_order(y);
    if (x.type.id != y.type.id)
        refuse("add_", "dtype", std::string(info(x.type.id).name) + ", as x has", info(y.type.id).name,
               "copy_ converts: numpy_bridge.copy_(new, y), with a new array of x's dtype");
}

} // namespace

kernels::addition require_addition(dtype id) {
    const std::optional<kernels::addition> how = kernels::addition_of(id);
    if (!how)
        refuse("add_", "dtype", "integers, floats of 16 bits or more, or complex numbers", info(id).name,
               id == dtype::boolean ? "use logical_or of its own library" : "add in float32, and copy the result");
    return *how;
}

namespace {

/// What has to hold of the array that is added to, whatever is added.
kernels::addition require_target(const memory& x) {
    const kernels::addition how = require_addition(x.type.id);
    if (is_swapped(x)) refuse_order(x);
    require_place("add_", x);
    require_distinct_elements("add_", x);
    if (on_cuda(x)) require_aligned_elements(x);
    return how;
}

} // namespace

void add_in_place(const place& x, const std::byte* value) {
    const memory& target = x.at;
    const kernels::addition how = require_target(target);
    if (is_empty(target)) return;
    constexpr dims everywhere_the_same{};
    if (on_cuda(target)) return cuda_kernels("add_", target.device).add_value(how, x, value);
    kernels::add_on_cpu(how, kernels::iterate(target, value, everywhere_the_same.data()));
}

void add_in_place(const place& x, const place& y) {
    const memory& target = x.at;
    const kernels::addition how = require_target(target);
    require_same_dtype(target, y.at);
    require_one_device(target, y.at);
    const dims strides = strides_for("add_", target, y.at);
    if (is_empty(target)) return;
    const bool overlapping = interferes(target, y.at, strides);
    if (on_cuda(target)) {
        require_aligned_elements(y.at);
        return cuda_kernels("add_", target.device).add(how, x, y, strides, overlapping);
    }
    const auto add = [&](const std::byte* source, const dims& steps) {
        kernels::add_on_cpu(how, kernels::iterate(target, source, steps.data()));
    };
    if (!overlapping) return add(y.at.data, strides);
    const snapshot kept(y.at);
    add(kept.get().data, strides_for("add_", target, kept.get()));
}

bool waits_for_copy(const memory& target, const memory& source) noexcept { return on_cuda(target) != on_cuda(source); }

void copy_in_place(const place& target, const place& source, bool non_blocking) {
    const memory &to = target.at, &from = source.at;
    if (!kernels::can_cast(from.type.id, to.type.id))
        refuse("copy_", "dtype",
               std::string("one that casts to ") + info(to.type.id).name + " by NumPy's rule 'same_kind'",
               info(from.type.id).name, "convert it first, and say so: x.astype(...), x.to(...)");
    require_place("copy_", to);
    require_place("copy_", from);
    require_distinct_elements("copy_", to);
    const dims strides = strides_for("copy_", to, from);
    if (is_empty(to)) return;
    const bool overlapping = interferes(to, from, strides);
    if (on_cuda(to) || on_cuda(from)) {
        const auto& on_device = cuda_kernels("copy_", on_cuda(to) ? to.device : from.device);
        std::optional<py::gil_scoped_release> unlocked;
        if (waits_for_copy(to, from)) unlocked.emplace();
        return on_device.copy(target, source, strides, overlapping, non_blocking);
    }
    const auto copy = [&](const std::byte* data, const dims& steps) {
        kernels::copy_on_cpu(to.type, from.type, kernels::iterate(to, data, steps.data()));
    };
    if (!overlapping) return copy(from.data, strides);
    const snapshot kept(from);
    copy(kept.get().data, strides_for("copy_", to, kept.get()));
}

} // namespace numpy_bridge
