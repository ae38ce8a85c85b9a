/// What all calls that a report says the same of have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/python.hpp>

namespace numpy_bridge {

/// What judging depends on of a row in the table of watched calls.
struct call_facts {
    explicit call_facts(const py::object& call);

    py::object call;      ///< the row itself
    py::object parameter; ///< the name of the argument that is converted
    Py_ssize_t position;  ///< its place
    bool repeats;         ///< a call like one that was judged is not judged again
    bool own_lines;       ///< it is watched at the program's own lines only
    bool registry;        ///< it is taken from a table, by library code
    bool stays;           ///< its result is of the library of the argument
    bool of_torch;        ///< that library is torch, else NumPy
    bool second_is_dtype; ///< the next argument is called dtype
    bool is_subscript;    ///< it is `x[...]`
};

/// A list of words, with the objects that some of them are addresses of. So two keys are equal only if these are the
/// same objects, for as long as one of the keys lives.
class call_key {
public:
    call_key() {
        words_.reserve(usual_words);
        objects_.reserve(usual_objects);
    }

    void add(std::uintptr_t word) { words_.push_back(word); }
    void add_object(py::handle object);
    void add_text(py::handle text);
    void add_key(const call_key& other);

    const std::vector<std::uintptr_t>& words() const noexcept { return words_; }

    friend bool operator==(const call_key& a, const call_key& b) noexcept { return a.words_ == b.words_; }

private:
    static constexpr std::size_t usual_words = 32, usual_objects = 6; // room taken at once: keys are made in each call

    std::vector<std::uintptr_t> words_;
    std::vector<py::object> objects_;
};

struct hash_of_key {
    std::size_t operator()(const call_key& key) const noexcept;
};

/// An argument or a result. Memory is described where it lies now.
struct described_object {
    enum class kind : std::uint8_t {
        unknown,
        number,
        list,
        scalar,
        array,
        tensor,
        image, ///< Pillow's: each request for its memory makes a copy, so only its type counts
    };

    explicit described_object(PyObject* x);

    bool is_known() const noexcept { return of != kind::unknown; }
    bool has_memory() const noexcept { return of == kind::array || of == kind::tensor; }
    bool is_python() const noexcept { return of == kind::number || of == kind::list; }
    bool is_image() const noexcept { return of == kind::image; }

    kind of = kind::unknown;
    bool holds_arrays = false; ///< it is an array, or a list that begins with one
    imported memory;           ///< only if `has_memory`
    call_key key;              ///< what judging depends on, except memory and size
};

/// The bytes that a report counts: of the result `y`, or of the array that a list has the elements of. Nothing if there
/// are none to count.
std::optional<std::int64_t> counted_bytes(PyObject* x, const described_object& source, PyObject* y,
                                          const described_object& result);

/// Adds what judging depends on of a call between two known operands; false if a call has to be judged by itself.
/// `options` is a dict of the other arguments, or null.
bool add_call(call_key& key, const call_facts& facts, PyObject* options, PyObject* x, const described_object& source,
              PyObject* y, const described_object& result);

/// Whether two operands with memory have addresses in common.
bool share_addresses(const described_object& a, const described_object& b);

/// Whether an index selects a view for certain.
bool is_basic_index(PyObject* index);

/// Whether `x` is an array of the library that the call belongs to.
bool is_of_library(const call_facts& facts, PyObject* x);

/// Whether torch.jit.trace or tf.function records what this thread asks of tensors.
bool is_traced();

/// Keeps questions about tensors from the `__torch_function__` of modes.
class torch_functions_off {
public:
    torch_functions_off();
    ~torch_functions_off();
    torch_functions_off(const torch_functions_off&) = delete;
    torch_functions_off& operator=(const torch_functions_off&) = delete;

private:
    PyObject* guard_ = nullptr;
};

} // namespace numpy_bridge
