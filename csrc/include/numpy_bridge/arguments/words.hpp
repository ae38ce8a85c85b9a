/// Requirements in words, as signatures and errors have them. Needs no Python.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <numpy_bridge/arguments/constraints.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Text of bounded length that can be written in constant expressions.
class fixed_text {
public:
    constexpr fixed_text& operator<<(std::string_view more) noexcept {
        const std::size_t room = text_.size() - size_, count = more.size() < room ? more.size() : room;
        for (std::size_t i = 0; i < count; ++i) text_[size_ + i] = more[i];
        size_ += count;
        return *this;
    }
    constexpr fixed_text& operator<<(std::uint64_t number) noexcept {
        if (number >= 10) *this << number / 10;
        const char digit = static_cast<char>('0' + number % 10);
        return *this << std::string_view(&digit, 1);
    }

    constexpr std::size_t size() const noexcept { return size_; }
    constexpr std::string_view view() const noexcept { return {text_.data(), size_}; }

private:
    std::array<char, 512> text_{};
    std::size_t size_ = 0;
};

/// "float32 or float64"; "any dtype"; "records of 8 bytes".
constexpr void write_elements(fixed_text& out, const requirements& r) noexcept {
    if (r.as_bytes || r.dtypes == element_types<void>::set) {
        out << (r.as_bytes ? "bytes of any dtype" : "any dtype");
        return;
    }
    if (r.record) {
        out << "records of " << static_cast<std::uint64_t>(r.record.itemsize) << " bytes";
        return;
    }
    const char* separator = "";
    for (const dtype_info& row : dtype_table) {
        if ((r.dtypes & set_of(row.id)) == 0) continue;
        out << separator << row.name;
        separator = " or ";
    }
}

/// "any, 3"
constexpr void write_extents(fixed_text& out, const std::int64_t* extents, int count) noexcept {
    for (int i = 0; i < count; ++i) {
        if (i > 0) out << ", ";
        if (extents[i] == -1) out << "any";
        else out << static_cast<std::uint64_t>(extents[i]);
    }
}

/// "shape (any, 3)", "shape (..., 3)", "2-D", "1-D to 3-D", or nothing.
constexpr void write_shape(fixed_text& out, const requirements& r) noexcept {
    if (r.has_extents) {
        out << ", shape (";
        write_extents(out, r.extents, r.ndim);
        out << (r.ndim == 1 ? ",)" : ")");
    } else if (r.trailing_count > 0) {
        out << ", shape (..., ";
        write_extents(out, r.trailing, r.trailing_count);
        out << ")";
    } else if (r.ndim >= 0) {
        out << ", " << static_cast<std::uint64_t>(r.ndim) << "-D";
    } else if (r.min_ndim > 0 || r.max_ndim < max_ndim) {
        const char* between = r.max_ndim - r.min_ndim == 1 ? "-D or " : "-D to ";
        out << ", " << static_cast<std::uint64_t>(r.min_ndim) << between << static_cast<std::uint64_t>(r.max_ndim)
            << "-D";
    }
}

/// ", C-contiguous, 2-D, writable, CPU": all requirements but those of elements.
constexpr void write_layout(fixed_text& out, const requirements& r) noexcept {
    constexpr std::string_view orders[] = {"", ", C-contiguous", ", Fortran-contiguous", ", contiguous"};
    constexpr std::string_view places[] = {", CPU", ", CUDA", ", any device"};
    out << orders[static_cast<std::size_t>(r.order)];
    write_shape(out, r);
    if (r.alignment > alignof(std::max_align_t)) out << ", " << r.alignment << "-byte aligned";
    if (r.writable) out << ", writable";
    out << places[static_cast<std::size_t>(r.where)];
}

/// "float32, C-contiguous, 2-D, writable, CPU": all requirements of an argument.
constexpr fixed_text words_for(const requirements& r) noexcept {
    fixed_text out;
    write_elements(out, r);
    write_layout(out, r);
    return out;
}

/// The type of an argument in signatures, which stubs and type checkers read.
constexpr fixed_text annotation_for(const requirements& r) noexcept {
    fixed_text out;
    out << "typing.Annotated[" << (r.array_like ? "numpy.typing.ArrayLike" : "numpy_bridge.typing.Shareable");
    return out << ", \"" << words_for(r).view() << "\"]";
}

/// The type of an array of these elements: "numpy.typing.NDArray[numpy.float32]".
constexpr fixed_text annotation_for_array(dtype_set elements) noexcept {
    fixed_text out;
    out << "numpy.typing.NDArray[";
    for (const dtype_info& row : dtype_table)
        if (elements == set_of(row.id) && row.numpy_number >= 0)
            return out << "numpy." << row.name << (row.id == dtype::boolean ? "_]" : "]");
    return out << "typing.Any]";
}

/// The annotations of an argument and of an array with elements of type T.
template <class Spec> struct argument_annotation {
    static constexpr fixed_text text = annotation_for(Spec::wanted);
};
template <class T> struct array_annotation {
    static constexpr fixed_text text = annotation_for_array(element_types<std::remove_const_t<T>>::set);
};

/// The text of an annotation as pybind11 and nanobind have it: `Descriptor<characters>`.
template <template <std::size_t> class Descriptor, class Annotation> constexpr auto descriptor_of() noexcept {
    constexpr std::size_t size = Annotation::text.size();
    Descriptor<size> out;
    for (std::size_t i = 0; i < size; ++i) out.text[i] = Annotation::text.view()[i];
    return out;
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
