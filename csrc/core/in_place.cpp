#include "in_place.hpp"

#include <memory>
#include <string>

#include <numpy_bridge/self_overlap.hpp>

#include "kernels/add.hpp"
#include "kernels/copy.hpp"

namespace numpy_bridge {

namespace {

using detail::refuse;

bool is_swapped(const memory& m) noexcept { return m.type.order == byte_order::swapped; }

/// Memory that the host works on. Managed memory belongs to the device.
bool on_host(device where) noexcept { return host_accessible(where) && where.type != device_type::cuda_managed; }

void require_place(const char* operation, const memory& m) {
    if (!on_host(m.device))
        refuse(operation, "device", "memory on the host or on a CUDA device", name_of(m.device),
               "let its own library do it, or copy it to the host first");
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

void require_same_dtype(const memory& x, const memory& y) {
    if (is_swapped(x) || is_swapped(y))
        refuse("add_", "byte order", "native elements", name_of(is_swapped(x) ? x.type : y.type),
               "copy_ converts byte orders");
    if (x.type.id != y.type.id)
        refuse("add_", "dtype", std::string(info(x.type.id).name) + ", as x has", info(y.type.id).name,
               "copy_ converts: numpy_bridge.copy_(new, y), with a new array of x's dtype");
}

} // namespace

void require_addition(dtype id) {
    if (!kernels::addition_of(id))
        refuse("add_", "dtype", "integers, floats of 16 bits or more, or complex numbers", info(id).name,
               id == dtype::boolean ? "use logical_or of its own library" : "add in float32, and copy the result");
}

void add_in_place(const place& x, const std::byte* value) {
    element_type type = x.at.type;
    memory y;
    y.data = const_cast<std::byte*>(value); // only read
    y.type = {type.id, byte_order::native};
    add_in_place(x, {y, 0});
}

void add_in_place(const place& x, const place& y) {
    const memory& target = x.at;
    require_addition(target.type.id);
    require_same_dtype(target, y.at);
    require_place("add_", target);
    require_place("add_", y.at);
    dims strides = strides_for("add_", target, y.at);
    require_distinct_elements("add_", target);
    if (is_empty(target)) return;
    const kernels::addition how = *kernels::addition_of(target.type.id);
    if (!interferes(target, y.at, strides))
        return kernels::add_on_cpu(how, kernels::iterate(target, y.at.data, strides.data()));
    const snapshot kept(y.at);
    strides = strides_for("add_", target, kept.get());
    kernels::add_on_cpu(how, kernels::iterate(target, kept.get().data, strides.data()));
}

void copy_in_place(const place& target, const place& source, bool) {
    const memory &to = target.at, &from = source.at;
    if (!kernels::can_cast(from.type.id, to.type.id))
        refuse("copy_", "dtype",
               std::string("one that casts to ") + info(to.type.id).name + " by NumPy's rule 'same_kind'",
               info(from.type.id).name, "convert it first, and say so: x.astype(...), x.to(...)");
    require_place("copy_", to);
    require_place("copy_", from);
    dims strides = strides_for("copy_", to, from);
    require_distinct_elements("copy_", to);
    if (is_empty(to)) return;
    if (!interferes(to, from, strides))
        return kernels::copy_on_cpu(to.type, from.type, kernels::iterate(to, from.data, strides.data()));
    const snapshot kept(from);
    strides = strides_for("copy_", to, kept.get());
    kernels::copy_on_cpu(to.type, from.type, kernels::iterate(to, kept.get().data, strides.data()));
}

} // namespace numpy_bridge
