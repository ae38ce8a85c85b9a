/// describe and ask_protocols: memory and protocols as plain values that hold no reference.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include <pybind11/typing.h>

#include <numpy_bridge/copy.hpp>
#include <numpy_bridge/import.hpp>
#include <numpy_bridge/libraries/array_method.hpp>
#include <numpy_bridge/libraries/immutable.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>
#include <numpy_bridge/overlap.hpp>
#include <numpy_bridge/protocols/array_interface.hpp>

#include "errors.hpp"
#include "register.hpp"
#include "view.hpp"

namespace numpy_bridge {

namespace {

using facts = py::typing::Dict<py::str, py::object>;

facts facts_of(const memory& m) {
    const address_range addresses = addresses_of(m);
    py::dict result;
    result["ptr"] = reinterpret_cast<std::uintptr_t>(m.data);
    result["dtype"] = name_of(m);
    result["itemsize"] = itemsize(m);
    result["shape"] = engine::tuple_of(m.shape, m.ndim);
    result["strides"] = engine::tuple_of(m.strides, m.ndim);
    result["device"] = name_of(m.device);
    result["on_host"] = host_accessible(m.device);
    result["readonly"] = m.readonly;
    result["low"] = addresses.low;
    result["high"] = addresses.high;
    result["c_contiguous"] = is_c_contiguous(layout_of(m));
    result["f_contiguous"] = is_f_contiguous(layout_of(m));
    return result;
}

facts describe(const py::object& x) {
    imported in;
    import_object(x.ptr(), engine::of_any_elements(engine::to_locate), in);
    return facts_of(in.description);
}

/// Whether the protocol is `__array__`, which often copies or computes, and pins the storage of a tensor permanently.
bool is_costly(const engine::protocol& with) { return with.import == import_array_method; }

/// The result of one protocol for `x`: a dict of facts, a SharingError, or None if calling it may be costly. Empty if
/// `x` does not support it.
py::object answer_of(const engine::protocol& with, PyObject* x) {
    try {
        if (is_costly(with))
            return engine::protocol_attribute(x, with.attribute) ? py::object(py::none()) : py::object();
        std::vector<refusal> refusals;
        imported in;
        if (!engine::try_protocol(with, x, to_share_any, in, refusals))
            return refusals.empty() ? py::object() : python_exception(refusals.front());
        in.description.readonly = in.description.readonly || engine::is_immutable(x);
        return facts_of(in.description);
    } catch (const sharing_error& error) { // an attribute that cannot be read
        return python_exception(error.why());
    }
}

/// What `view` makes of `x`, and the answers that it got on the way. They are kept, because `x` may compute them.
class first_share {
public:
    explicit first_share(PyObject* x) {
        imported in;
        try {
            engine::finally_refused(x, how_to_copy, [&] { engine::import_by_protocol(x, to_share_any, in, made_); });
            facts_ = facts_of(in.description);
            result_ = py::cast(std::make_unique<view>(in, x, false));
        } catch (const sharing_error& error) {
            result_ = python_exception(error.why());
        } catch (const py::type_error& error) { // it has no memory
            result_ = py::reinterpret_borrow<py::object>(PyExc_TypeError)(error.what());
        }
    }

    /// A View or the exception.
    const py::object& result() const noexcept { return result_; }

    /// Whether `with` was tried, and its answer as `answer_of` gives it.
    std::optional<py::object> answer_of(const engine::protocol& with) const {
        if (&with == made_.succeeded) return facts_ ? facts_ : result_;
        const auto found = std::find(made_.refused.begin(), made_.refused.end(), &with);
        if (found != made_.refused.end())
            return python_exception(made_.refusals[static_cast<std::size_t>(found - made_.refused.begin())]);
        if (made_.succeeded != nullptr && &with > made_.succeeded) return std::nullopt;
        return py::object();
    }

private:
    engine::attempts made_;
    py::object facts_, result_;
};

using answers = py::typing::List<py::typing::Tuple<py::str, py::object>>;

py::typing::Tuple<py::object, answers> ask_protocols(const py::object& x) {
    std::optional<first_share> first;
    if (engine::find_library(x.ptr()) == nullptr) first.emplace(x.ptr());
    py::list found;
    for (const engine::protocol& with : engine::protocols()) {
        const std::optional<py::object> known = first ? first->answer_of(with) : std::nullopt;
        if (const py::object answer = known ? *known : answer_of(with, x.ptr()))
            found.append(py::make_tuple(with.attribute, answer));
    }
    return py::make_tuple(first ? first->result() : py::object(py::none()), found);
}

bool reads_tensors_fast() {
    const torch_library* torch = torch_library::loaded();
    return torch != nullptr && torch->layout.known();
}

} // namespace

void register_describe(py::module_& module) {
    module.def("describe", describe, py::arg("x"),
               R"(The memory behind `x` as numbers and names. Nothing is pinned, and nothing held.

Values are not asked for: tensors that `view` refuses for theirs (conjugated, requiring grad) have an address
all the same. Raises as `shares_memory` does.)");
    module.def(
        "reads_tensors_fast", reads_tensors_fast,
        R"(True if tensors are read where torch keeps them, which takes a third of the time that its attributes take.

False if torch is not imported, if its layout was not found, or if NUMPY_BRIDGE_FAST_TENSORS was 0 when torch was first used.)");
    module.def("ask_protocols", ask_protocols, py::arg("x"),
               R"(What `view` makes of `x`, and the result of each protocol that it supports. Each is asked once.

The first is a View, the exception that `view` would raise, or None for an object of a known library, which
computes nothing. Then (name, answer) for each protocol, in the order of `view`: the facts of `describe`, the
SharingError, or None for ``__array__`` where `view` does not need it: it might copy, compute or pin.)");
}

} // namespace numpy_bridge
