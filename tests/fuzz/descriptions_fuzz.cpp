/// Py_buffer and DLTensor structs of any content: read without a crash, believed only if valid, and
/// exported again as what they were. Pointers are never followed, so they may be anything.

#include <numpy_bridge/protocols/buffer.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>
#include <numpy_bridge/protocols/pointer.hpp>

#include "support.hpp"

using namespace numpy_bridge;
using namespace numpy_bridge_fuzz;

namespace {

bool same_memory(const memory& a, const memory& b) {
    return a.data == b.data && a.type.id == b.type.id && a.type.order == b.type.order && a.readonly == b.readonly &&
           a.ndim == b.ndim && std::equal(a.shape, a.shape + a.ndim, b.shape) &&
           std::equal(a.strides, a.strides + a.ndim, b.strides);
}

/// Extents for `ndim` dimensions: as many as there are to be read, or a null pointer.
struct any_extents {
    any_extents(FuzzedDataProvider& data, int ndim)
        : values(any_integers(data, std::clamp(ndim, 0, max_ndim))),
          is_null(data.ConsumeIntegralInRange<int>(0, 7) == 0) {}

    std::int64_t* pointer() { return is_null ? nullptr : values.data(); }

    std::vector<std::int64_t> values;
    bool is_null;
};

int any_claimed_ndim(FuzzedDataProvider& data) {
    return data.ConsumeIntegralInRange<int>(0, 15) == 0 ? data.ConsumeIntegral<int>() : any_ndim(data);
}

/// A valid description leaves as a tensor, and comes back as it was where strides are used at all.
void check_dlpack_round_trip(const memory& m) {
    if (is_refused([&m] { engine::validate_for_dlpack(m, "fuzz"); })) return;
    auto* managed = export_versioned(m, anchor());
    imported again;
    FUZZ_CHECK(!is_refused([&] { engine::describe_dlpack(managed->tensor, m.readonly, again); }));
    for (int i = 0; i < m.ndim; ++i)
        if (m.shape[i] <= 1) again.strides[static_cast<std::size_t>(i)] = m.strides[i]; // unused
    if (!is_empty(m)) FUZZ_CHECK(same_memory(again.description, m));
    managed->deleter(managed);
}

/// Whatever a consumer asks for, it is refused or gets a buffer that describes the same memory.
void check_buffer_round_trip(const memory& m, int flags) {
    Py_buffer view{};
    PyObject exporter{};
    if (is_refused([&] { export_buffer(&exporter, m, &view, flags); })) {
        FUZZ_CHECK(view.obj == nullptr);
        return;
    }
    FUZZ_CHECK(view.obj == &exporter && view.len == byte_count(m) && (view.readonly != 0) == m.readonly);
    if ((flags & PyBUF_FULL_RO) != PyBUF_FULL_RO) return;
    imported again;
    FUZZ_CHECK(!is_refused([&] { detail::describe_buffer(view, engine::to_share, again); }));
    FUZZ_CHECK(same_memory(again.description, m));
}

void check_buffer(FuzzedDataProvider& data) {
    Py_buffer view{};
    std::string format = data.ConsumeRandomLengthString(6);
    view.format = data.ConsumeIntegralInRange<int>(0, 7) == 0 ? nullptr : format.data();
    view.itemsize = data.ConsumeBool() ? std::int64_t{1} << data.ConsumeIntegralInRange<int>(0, 4) : any_integer(data);
    view.ndim = any_claimed_ndim(data);
    any_extents shape(data, view.ndim), strides(data, view.ndim), suboffsets(data, view.ndim);
    view.shape = reinterpret_cast<Py_ssize_t*>(shape.pointer());
    view.strides = reinterpret_cast<Py_ssize_t*>(strides.pointer());
    if (data.ConsumeIntegralInRange<int>(0, 7) == 0)
        view.suboffsets = reinterpret_cast<Py_ssize_t*>(suboffsets.pointer());
    view.readonly = data.ConsumeIntegral<int>();
    view.buf = any_address(data);
    view.len = any_integer(data);
    if (data.ConsumeBool() && shape.pointer() != nullptr && view.ndim >= 0 && view.ndim <= max_ndim) {
        view.len = view.itemsize; // the true length, as far as there is one
        for (const std::int64_t extent : shape.values)
            if (__builtin_mul_overflow(view.len, extent, &view.len)) view.len = 0;
    }
    const int flags = data.ConsumeIntegral<int>();

    imported out;
    if (is_refused([&] { detail::describe_buffer(view, engine::to_share, out); })) return;
    FUZZ_CHECK(is_valid(out.description) && byte_count(out.description) == view.len);
    FUZZ_CHECK(itemsize(out.description) == view.itemsize);
    check_buffer_round_trip(out.description, flags);
    check_dlpack_round_trip(out.description);
}

void check_tensor(FuzzedDataProvider& data) {
    dlpack::tensor t{};
    const auto row = data.ConsumeIntegralInRange<std::size_t>(0, dtype_table.size() * 2);
    if (row < dtype_table.size()) t.dtype = dtype_table[row].dlpack;
    else
        t.dtype = {static_cast<dlpack::type_code>(data.ConsumeIntegral<std::uint8_t>()),
                   data.ConsumeIntegral<std::uint8_t>(), data.ConsumeIntegral<std::uint16_t>()};
    t.ndim = any_claimed_ndim(data);
    any_extents shape(data, t.ndim), strides(data, t.ndim);
    t.shape = shape.pointer();
    t.strides = strides.pointer();
    t.data = any_address(data);
    t.byte_offset = data.ConsumeBool() ? 0 : static_cast<std::uint64_t>(any_integer(data));
    t.device = {static_cast<dlpack::device_type>(data.ConsumeBool() ? 1 : data.ConsumeIntegral<int>()),
                data.ConsumeIntegral<int>()};
    const bool readonly = data.ConsumeBool();

    imported out;
    if (is_refused([&] { engine::describe_dlpack(t, readonly, out); })) return;
    FUZZ_CHECK(is_valid(out.description));
    check_dlpack_round_trip(out.description);
    check_buffer_round_trip(out.description, data.ConsumeIntegral<int>());
}

void check_pointer(FuzzedDataProvider& data) {
    const auto id =
        static_cast<dtype>(data.ConsumeIntegralInRange<std::size_t>(0, dtype_table.size() - 2)); // not opaque
    const auto order = data.ConsumeBool() && itemsize(id) > 1 ? byte_order::swapped : byte_order::native;
    const auto shape = any_integers(data, data.ConsumeIntegralInRange<int>(0, max_ndim + 2));
    std::optional<std::vector<std::int64_t>> strides;
    if (data.ConsumeBool()) {
        const auto count = static_cast<int>(shape.size()) + (data.ConsumeIntegralInRange<int>(0, 7) == 0 ? 1 : 0);
        strides = any_integers(data, count);
    }
    std::byte* address = any_address(data);
    imported out;
    if (is_refused([&] { import_pointer(address, {id, order}, cpu_device, false, shape, strides, out); })) return;
    FUZZ_CHECK(is_valid(out.description));
    check_dlpack_round_trip(out.description);
    check_buffer_round_trip(out.description, data.ConsumeIntegral<int>());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    FuzzedDataProvider data(bytes, size);
    switch (data.ConsumeIntegralInRange<int>(0, 2)) {
    case 0:
        check_buffer(data);
        break;
    case 1:
        check_tensor(data);
        break;
    default:
        check_pointer(data);
    }
    return 0;
}
