#include "copy.hpp"

#include <algorithm>
#include <array>

#include "rows.hpp"
#include "unaligned.hpp"
#include "walk.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

constexpr std::int64_t block_elements = 1024;
using block = std::array<std::byte, static_cast<std::size_t>(block_elements) * 16>;

/// Converts rows. Elements in foreign byte order are swapped in packed blocks: those of the source before they are
/// converted, those of the target afterwards. The pair is its own `representative`.
class converter {
public:
    converter(element_type target, element_type source) noexcept
        : target_(target),
          source_(source),
          between_(dtype_between({target.id, source.id})),
          cast_(target.id == source.id ? nullptr : cast_row_of({target.id, between_})),
          first_cast_(between_ == source.id ? nullptr : cast_row_of({between_, source.id})) {}

    void convert_row(const loop& row, std::byte* target, const std::byte* source) noexcept {
        if (!swaps_source() && !swaps_target()) return convert(row, target, source);
        for (std::int64_t done = 0; done < row.extent; done += block_elements)
            convert_block({std::min(block_elements, row.extent - done), row.target, row.source},
                          target + done * row.target, source + done * row.source);
    }

private:
    bool swaps_source() const noexcept { return source_.order == byte_order::swapped; }
    bool swaps_target() const noexcept { return target_.order == byte_order::swapped; }

    void convert_block(loop row, std::byte* target, const std::byte* source) noexcept {
        if (swaps_source()) {
            const auto size = static_cast<std::int64_t>(itemsize(source_.id));
            const bool packed = row.source == size;
            if (!packed) move_row(size, {row.extent, size, row.source}, gathered_.data(), source);
            swap_row(source_.id, gathered_.data(), packed ? source : gathered_.data(), row.extent);
            source = gathered_.data();
            row.source = size;
        }
        if (!swaps_target()) return convert(row, target, source);
        const auto size = static_cast<std::int64_t>(itemsize(target_.id));
        convert({row.extent, size, row.source}, converted_.data(), source);
        swap_row(target_.id, converted_.data(), converted_.data(), row.extent);
        move_row(size, {row.extent, row.target, size}, target, converted_.data());
    }

    void convert(const loop& row, std::byte* target, const std::byte* source) noexcept {
        if (first_cast_ != nullptr) return convert_twice(row, target, source);
        if (cast_ != nullptr) cast_(row, target, source);
        else move_row(static_cast<std::int64_t>(itemsize(target_.id)), row, target, source);
    }

    void convert_twice(const loop& row, std::byte* target, const std::byte* source) noexcept {
        const auto size = static_cast<std::int64_t>(itemsize(between_));
        for (std::int64_t done = 0; done < row.extent; done += block_elements) {
            const std::int64_t n = std::min(block_elements, row.extent - done);
            first_cast_({n, size, row.source}, converted_once_.data(), source + done * row.source);
            cast_({n, row.target, size}, target + done * row.target, converted_once_.data());
        }
    }

    element_type target_, source_;
    dtype between_;
    cast_row cast_, first_cast_;
    block gathered_, converted_once_, converted_; // not initialised
};

} // namespace

void copy_on_cpu(element_type target, element_type source, const iteration& it) noexcept {
    const cast_pair same = representative({target.id, source.id});
    target.id = same.to;
    source.id = same.from;
    if (target.id == source.id && target.order == source.order)
        return for_each_row(it, move_row_of(static_cast<std::int64_t>(itemsize(target.id))));
    converter with(target, source);
    for_each_row(it, [&](const loop& row, std::byte* to, const std::byte* from) { with.convert_row(row, to, from); });
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
