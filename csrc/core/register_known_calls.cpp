/// KnownCalls, for Python.
#include <optional>
#include <utility>

#include "known_calls.hpp"
#include "register.hpp"
#include "unwatched.hpp"

namespace numpy_bridge {

namespace {

constexpr std::size_t most_codes = 4096;

py::object code_of(PyObject* frame) {
    return py::reinterpret_steal<py::object>(
        reinterpret_cast<PyObject*>(PyFrame_GetCode(reinterpret_cast<PyFrameObject*>(frame))));
}

py::object caller_of(PyObject* frame) {
    return py::reinterpret_steal<py::object>(
        reinterpret_cast<PyObject*>(PyFrame_GetBack(reinterpret_cast<PyFrameObject*>(frame))));
}

std::uintptr_t instruction_of(PyObject* frame) {
#if PY_VERSION_HEX >= 0x030B0000
    return static_cast<std::uintptr_t>(PyFrame_GetLasti(reinterpret_cast<PyFrameObject*>(frame)));
#else
    return static_cast<std::uintptr_t>(py::handle(frame).attr("f_lasti").cast<long>());
#endif
}

/// Whether library code has made such an array of its own one, or of a number. That is never reported.
bool stays_in_library(const call_facts& facts, const described_object& source, const described_object& result) {
    using kind = described_object::kind;
    if (facts.registry || facts.own_lines || !source.is_known() || !result.has_memory()) return false;
    if (source.is_image()) return false;
    if (!source.has_memory()) return !source.holds_arrays;
    return (source.of == kind::array) == (result.of == kind::array);
}

} // namespace

known_calls::code_kind known_calls::kind_of(PyObject* code) {
    {
        const std::scoped_lock lock(kept_->one_at_a_time);
        const auto known = kept_->codes.find(code);
        if (known != kept_->codes.end()) return known->second.second;
    }
    const py::object file = py::handle(code).attr("co_filename");
    const bool own = engine::called(is_own_, py::make_tuple(file)).ptr() == Py_True;
    const bool text = PyUnicode_CompareWithASCIIString(file.ptr(), "<string>") == 0;
    const code_kind kind = !own ? code_kind::other : text ? code_kind::own_text : code_kind::own;
    if (kind == code_kind::own_text) return kind; // `eval` makes new code each time
    decltype(kept::codes) released;               // after the lock
    std::pair<py::object, code_kind> fresh{py::reinterpret_borrow<py::object>(code), kind};
    const std::scoped_lock lock(kept_->one_at_a_time);
    if (kept_->codes.size() >= most_codes) kept_->codes.swap(released);
    kept_->codes.try_emplace(code, std::move(fresh));
    return kind;
}

bool known_calls::is_own_code(PyObject* frame) { return kind_of(code_of(frame).ptr()) != code_kind::other; }

/// Adds the instructions that run, from the innermost to the program's own; false if no code is the program's.
bool known_calls::add_place(call_key& key, PyObject* frame) {
    auto here = py::reinterpret_borrow<py::object>(frame);
    while (here) {
        const py::object code = code_of(here.ptr());
        key.add_object(code);
        key.add(instruction_of(here.ptr()));
        const code_kind kind = kind_of(code.ptr());
        if (kind != code_kind::other) return kind == code_kind::own;
        here = caller_of(here.ptr());
    }
    return false;
}

/// `counted` if the key says all that is reported of a call.
known_calls::answer known_calls::key_of(const ended_call& call, call_key& key, std::int64_t& nbytes) {
    if (!call.facts.repeats) return answer::unknown;
    const described_object source(call.source), result(call.result);
    const bool by_library = call.frame != nullptr && !is_own_code(call.frame);
    if (by_library && stays_in_library(call.facts, source, result)) return answer::unreported;
    if (!by_library && call.facts.own_lines && source.has_memory() && result.has_memory() &&
        share_addresses(source, result))
        return answer::unreported;                                            // a view
    if (call.facts.own_lines && !source.holds_arrays) return answer::unknown; // arrays may be elsewhere in the call
    if (!source.is_known() || !result.is_known()) return answer::unknown;
    const auto bytes = counted_bytes(call.source, source, call.result, result);
    if (!bytes || !add_call(key, call.facts, call.options, call.source, source, call.result, result) ||
        !add_place(key, call.frame))
        return answer::unknown;
    nbytes = *bytes;
    return answer::counted;
}

known_calls::found known_calls::look_up(const ended_call& call, double seconds) {
    call_key key;
    std::int64_t nbytes = 0;
    const answer kind = key_of(call, key, nbytes);
    if (kind != answer::counted) return {kind};
    const std::scoped_lock lock(kept_->one_at_a_time);
    const auto at = kept_->known.find(key);
    if (at == kept_->known.end()) return {answer::unknown};
    entry& known = at->second;
    if (known.conversion.is_none()) return {answer::unreported};
    if (known.generation != generation_) return {answer::again, known.conversion, nbytes};
    ++known.since.times;
    known.since.nbytes += nbytes;
    known.since.seconds += seconds;
    return {answer::counted};
}

void known_calls::remember(const ended_call& call, const py::object& conversion, std::uint64_t generation) {
    call_key key;
    std::int64_t nbytes = 0;
    if (key_of(call, key, nbytes) != answer::counted) return;
    entry fresh{conversion, generation, {}};
    const std::scoped_lock lock(kept_->one_at_a_time);
    const auto [at, is_new] = kept_->known.try_emplace(std::move(key), std::move(fresh));
    if (!is_new) at->second.generation = generation;
}

py::list known_calls::take(bool forget) {
    struct taken {
        py::object conversion;
        counts since;
    };
    std::vector<taken> all;
    entries forgotten; // these are released after the lock
    decltype(kept::codes) codes;
    {
        const std::scoped_lock lock(kept_->one_at_a_time);
        for (auto& [key, each] : kept_->known)
            if (each.since.times != 0) all.push_back({each.conversion, std::exchange(each.since, {})});
        if (forget) {
            kept_->known.swap(forgotten);
            kept_->codes.swap(codes);
        }
    }
    py::list made;
    for (const taken& each : all)
        made.append(py::make_tuple(each.conversion, each.since.times, each.since.nbytes, each.since.seconds));
    return made;
}

std::uint64_t known_calls::start_generation() { return ++generation_; }

void known_calls::begin_in_child() {
    [[maybe_unused]] const kept* left = kept_.release();
    kept_ = std::make_unique<kept>();
}

std::size_t known_calls::size() const {
    const std::scoped_lock lock(kept_->one_at_a_time);
    return kept_->known.size();
}

const call_facts& known_calls::facts_of(py::handle call) {
    {
        const std::scoped_lock lock(kept_->one_at_a_time);
        const auto known = kept_->facts.find(call.ptr());
        if (known != kept_->facts.end()) return known->second;
    }
    call_facts fresh(py::reinterpret_borrow<py::object>(call));
    const std::scoped_lock lock(kept_->one_at_a_time);
    return kept_->facts.try_emplace(call.ptr(), std::move(fresh)).first->second;
}

namespace {

ended_call from_python(known_calls& known, const py::object& call, const py::object& options, const py::object& source,
                       const py::object& result, const py::object& frame) {
    const bool has_options = PyDict_Check(options.ptr()) && PyDict_GET_SIZE(options.ptr()) != 0;
    return {known.facts_of(call), has_options ? options.ptr() : nullptr, source.ptr(), result.ptr(),
            frame.is_none() ? nullptr : frame.ptr()};
}

py::object look_up(known_calls& known, const py::object& call, const py::object& options, const py::object& source,
                   const py::object& result, const py::object& frame, double seconds) {
    using answer = known_calls::answer;
    const known_calls::found found = known.look_up(from_python(known, call, options, source, result, frame), seconds);
    if (found.what == answer::unknown) return py::reinterpret_borrow<py::object>(Py_NotImplemented);
    return found.what == answer::again ? py::make_tuple(found.conversion, found.nbytes) : py::object(py::none());
}

void remember(known_calls& known, const py::object& call, const py::object& options, const py::object& source,
              const py::object& result, const py::object& frame, const py::object& conversion,
              std::uint64_t generation) {
    known.remember(from_python(known, call, options, source, result, frame), conversion, generation);
}

/// The state of each thread, as one object for Python.
struct this_thread {};

} // namespace

void register_known_calls(py::module_& module) {
    py::class_<this_thread>(module, "ThisThread", "The state of the thread that asks.")
        .def_property(
            "unwatched", [](const this_thread&) { return unwatched_here; },
            [](const this_thread&, bool value) { unwatched_here = value; },
            "Whether audits report no calls of this thread.");
    module.attr("this_thread") = this_thread{};
    py::class_<known_calls>(module, "KnownCalls",
                            "Conversions that are made again, so that they need not be judged again.")
        .def(py::init<py::object>(), py::arg("is_own"),
             "`is_own` tells of a file name whether it holds code of the program.")
        .def_property(
            "listening", [](const known_calls& known) { return known.listening.load(); },
            [](known_calls& known, bool value) { known.listening = value; }, "Whether anything listens.")
        .def("look_up", look_up, py::arg("call"), py::arg("options"), py::arg("source"), py::arg("result"),
             py::arg("frame"), py::arg("seconds"),
             "NotImplemented for a call that has to be judged; None for one that was counted, or is never reported; "
             "else the conversion that it is one more of, and its bytes.")
        .def(
            "remember", remember, py::arg("call"), py::arg("options"), py::arg("source"), py::arg("result"),
            py::arg("frame"), py::arg("conversion"), py::arg("generation"),
            "Keep the conversion, or None, that a call was judged to be. Calls like it are counted from now on, if the "
            "generation is the one that runs.")
        .def("take", &known_calls::take, py::arg("forget") = false,
             "Take what was counted: (conversion, times, bytes, seconds) for each; with `forget` all that is known.")
        .def("start_generation", &known_calls::start_generation,
             "Count no more calls until they are remembered in the generation that begins, which is returned.")
        .def("begin_in_child", &known_calls::begin_in_child, "Forget everything, in a forked process.")
        .def("__len__", &known_calls::size);
}

} // namespace numpy_bridge
