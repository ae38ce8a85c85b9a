/// KnownCalls: conversions that are made again, by the same instruction with the same kinds of operands.
///
/// Judging takes some ten microseconds. All that a report says of such calls is the same but for bytes and time, so
/// only the first one is judged, and the others are counted here.
///
/// Threads count without a GIL to keep them apart, so a mutex guards all that is kept. No Python code runs, and no
/// object is released, while it is held.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "call_key.hpp"

namespace numpy_bridge {

/// A call that has ended.
struct ended_call {
    const call_facts& facts;
    PyObject* options; ///< a dict of the other arguments, or null
    PyObject* source;
    PyObject* result;
    PyObject* frame; ///< that made it; may be null
};

class known_calls {
public:
    /// `is_own(file)` tells whether code is the program's.
    explicit known_calls(py::object is_own) : is_own_(std::move(is_own)) {}

    /// Whether anything listens.
    std::atomic<bool> listening{false};

    enum class answer : std::uint8_t {
        unknown,    ///< the call has to be judged
        unreported, ///< it is no conversion, or none that is reported
        counted,    ///< it is counted here
        again,      ///< it is one like `conversion`, with `nbytes`
    };

    struct found {
        answer what;
        py::object conversion{};
        std::int64_t nbytes = 0;
    };

    /// Looks for a call that was judged before, and counts it if it is one of those that are counted.
    found look_up(const ended_call& call, double seconds);

    /// Keeps what judging said of a call: a conversion, or None. If `generation` is the one that runs, the next calls
    /// like it are counted here.
    void remember(const ended_call& call, const py::object& conversion, std::uint64_t generation);

    /// The conversions that were counted since they were taken last: (conversion, times, bytes, seconds). If `forget`,
    /// nothing is known any more.
    py::list take(bool forget);

    /// Counts no more calls until they are remembered in the generation that begins. The first one is 1.
    std::uint64_t start_generation();

    /// Forgets everything in a forked process. There is nobody to release what another thread had locked, or to end a
    /// change that it had begun: all that was kept is left as it is, and never freed.
    void begin_in_child();

    std::size_t size() const;

    /// What is known of a row of the table.
    const call_facts& facts_of(py::handle call);

    /// Whether the code of a frame is the program's.
    bool is_own_code(PyObject* frame);

private:
    struct counts {
        std::int64_t times = 0, nbytes = 0;
        double seconds = 0;
    };

    struct entry {
        py::object conversion;
        std::uint64_t generation;
        counts since;
    };

    enum class code_kind : std::uint8_t { own, own_text, other };

    code_kind kind_of(PyObject* code);
    bool add_place(call_key& key, PyObject* frame);
    answer key_of(const ended_call& call, call_key& key, std::int64_t& nbytes);

    using entries = std::unordered_map<call_key, entry, hash_of_key>;

    /// What the mutex guards.
    struct kept {
        std::mutex one_at_a_time;
        entries known;
        std::unordered_map<PyObject*, std::pair<py::object, code_kind>> codes;
        std::unordered_map<PyObject*, call_facts> facts; // never shrinks: stand-ins refer to them
    };

    const py::object is_own_;
    std::atomic<std::uint64_t> generation_{0};
    std::unique_ptr<kept> kept_ = std::make_unique<kept>();
};

} // namespace numpy_bridge
