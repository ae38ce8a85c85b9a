#include "in_place.hpp"

#include <optional>
#include <string>

#include <numpy_bridge/python.hpp>
#include <numpy_bridge/self_overlap.hpp>

#include "casting_argument.hpp"
#include "cuda_module.hpp"
#include "kernels/add.hpp"
#include "kernels/copy.hpp"
#include "kernels/snapshot.hpp"
#include "kernels/sum.hpp"
#include "scratch.hpp"

namespace numpy_bridge {

namespace {

using engine::refuse;
using kernels::casting;

bool is_swapped(const memory& m) noexcept { return m.type.order == byte_order::swapped; }

/// Memory that the CPU works on. Managed memory is left to the device, which may have pending work on it.
bool is_host(device where) noexcept { return host_accessible(where) && !is_cuda(where); }

void require_host_or_cuda(const char* operation, const memory& m) {
    if (!is_host(m.device) && !is_cuda(m.device))
        refuse(operation, "device", "memory on the host or on a CUDA device", name_of(m.device),
               "use its own library, or copy it to the host first");
}

void require_one_device(const memory& x, const memory& y) {
    require_host_or_cuda("add_", x);
    require_host_or_cuda("add_", y);
    const bool managed = x.device.type == device_type::cuda_managed || y.device.type == device_type::cuda_managed;
    const bool same = is_cuda(x.device) && is_cuda(y.device) && (x.device.index == y.device.index || managed);
    if (same || (is_host(x.device) && is_host(y.device))) return;
    refuse("add_", "device", "memory on " + name_of(x.device) + ", like x", name_of(y.device),
           "copy y first: numpy_bridge.copy_(new, y), where new is an array on " + name_of(x.device));
}

/// CUDA kernels, unlike CPUs, compute only with aligned elements.
void require_aligned_elements(const memory& m) {
    const std::int64_t alignment = info(m.type.id).alignment;
    if (!is_aligned(m, alignment))
        refuse("add_", "alignment", "elements at multiples of " + std::to_string(alignment) + " bytes on a device",
               "address " + std::to_string(reinterpret_cast<std::uintptr_t>(m.data)) + " with strides " +
                   text_of(m.strides, m.ndim),
               "copy_ accepts misaligned memory: copy to new memory first");
}

/// Refuses a target whose elements overlap each other.
void require_distinct_elements(const char* operation, const memory& m) {
    if (elements_are_apart(m)) return;
    refuse(operation, "strides", "a target whose elements do not overlap each other",
           text_of(m.strides, m.ndim) + " for shape " + text_of(m.shape, m.ndim),
           "write to a copy: broadcast arrays and sliding windows have several elements at one address");
}

dims strides_for(const char* operation, const memory& target, const memory& source) {
    dims strides;
    if (!kernels::broadcast_strides(source, target.ndim, target.shape, strides))
        refuse(operation, "shape", "a shape that broadcasts to " + text_of(target.shape, target.ndim),
               text_of(source.shape, source.ndim), "only the operand that is read can be broadcast");
    return strides;
}

/// True if writing an element may change a different element of the source before it is read.
bool interferes(const memory& target, const memory& source, const dims& strides) {
    if (!bounds_overlap(target, source)) return false;
    bool element_by_element = target.data == source.data && itemsize(target) == itemsize(source);
    for (int i = 0; i < target.ndim; ++i)
        if (target.shape[i] > 1 && target.strides[i] != strides[static_cast<std::size_t>(i)])
            element_by_element = false;
    return !element_by_element && overlaps(target, source) != overlap::no;
}

/// Calls `work` with the iteration over both operands. If the target interferes with the source, the source is copied
/// first, and `work` reads the copy.
template <class Work>
void read_before_write(const memory& target, const memory& source, const dims& strides, const Work& work) {
    if (!interferes(target, source, strides)) return work(kernels::iterate(target, source.data, strides.data()));
    const scratch block(static_cast<std::size_t>(byte_count(source)));
    const kernels::snapshot kept(source, block.data());
    kernels::copy_on_cpu(source.type, source.type, kept.from_source());
    work(kept.to(target));
}

[[noreturn]] void refuse_order(const memory& m) {
    refuse("add_", "byte order", "native byte order", name_of(m.type), "copy_ converts byte orders");
}

/// "convert y first: y.astype(np.float32) or y.to(torch.float32)".
std::string conversion(const std::string& argument, dtype to) {
    const dtype_info& wanted = info(to);
    const std::string with_numpy = argument + ".astype(np." + wanted.name + ") or ";
    return "convert " + argument + " first: " + (wanted.numpy_number >= 0 ? with_numpy : "") + argument + ".to(torch." +
           wanted.name + ")";
}

void require_same_dtype(const memory& x, const memory& y) {
    if (is_swapped(y)) refuse_order(y);
    if (x.type.id != y.type.id)
        refuse("add_", "dtype", std::string(info(x.type.id).name) + ", like x", info(y.type.id).name,
               conversion("y", x.type.id));
}

/// Checks the array that is added to.
void require_target(const memory& x) {
    require_addition(x.type.id);
    if (is_swapped(x)) refuse_order(x);
    require_host_or_cuda("add_", x);
    require_distinct_elements("add_", x);
    if (is_cuda(x.device)) require_aligned_elements(x);
}

} // namespace

void require_addition(dtype id) {
    if (kernels::has_sum(id)) return;
    refuse("add_", "dtype", "integers, floats of 16 bits or more, or complex numbers", info(id).name,
           id == dtype::boolean ? "use np.logical_or or torch.logical_or" : "add in float32, and copy the result");
}

void add_in_place(const memory_on_stream& x, const std::byte* value) {
    const memory& target = x.description;
    require_target(target);
    if (is_empty(target)) return;
    if (is_cuda(target.device)) return cuda_kernels("add_", target.device).add_value(x, value);
    constexpr dims broadcast{};
    kernels::add_on_cpu(target.type.id, kernels::iterate(target, value, broadcast.data()));
}

void add_in_place(const memory_on_stream& x, const memory_on_stream& y) {
    const memory &target = x.description, &source = y.description;
    require_target(target);
    require_same_dtype(target, source);
    require_one_device(target, source);
    const dims strides = strides_for("add_", target, source);
    if (is_empty(target)) return;
    if (is_cuda(target.device)) {
        require_aligned_elements(source);
        return cuda_kernels("add_", target.device).add(x, y, strides, interferes(target, source, strides));
    }
    read_before_write(target, source, strides,
                      [&](const kernels::iteration& it) { kernels::add_on_cpu(target.type.id, it); });
}

void require_cast(element_type from, element_type to, casting rule) {
    if (kernels::can_cast(from, to, rule)) return;
    std::string hint = conversion("src", to.id);
    for (const casting wider : {casting::equiv, casting::safe, casting::same_kind, casting::unsafe}) {
        if (wider <= rule || !kernels::can_cast(from, to, wider)) continue;
        hint += std::string(", or pass casting=\"") + name_of(wider) + "\"";
        break;
    }
    refuse("copy_", "dtype", "a dtype that casts to " + name_of(to) + " by NumPy's rule '" + name_of(rule) + "'",
           name_of(from), hint);
}

bool waits_for_copy(const memory& target, const memory& source) noexcept {
    return is_cuda(target.device) != is_cuda(source.device);
}

void copy_in_place(const memory_on_stream& target, const memory_on_stream& source, bool non_blocking) {
    const memory &to = target.description, &from = source.description;
    require_host_or_cuda("copy_", to);
    require_host_or_cuda("copy_", from);
    require_distinct_elements("copy_", to);
    const dims strides = strides_for("copy_", to, from);
    if (is_empty(to)) return;
    if (is_cuda(to.device) || is_cuda(from.device)) {
        const auto& device_kernels = cuda_kernels("copy_", is_cuda(to.device) ? to.device : from.device);
        const bool overlapping = interferes(to, from, strides);
        std::optional<engine::without_gil> unlocked;
        if (waits_for_copy(to, from)) unlocked.emplace();
        return device_kernels.copy(target, source, strides, overlapping, non_blocking);
    }
    read_before_write(to, from, strides,
                      [&](const kernels::iteration& it) { kernels::copy_on_cpu(to.type, from.type, it); });
}

} // namespace numpy_bridge
