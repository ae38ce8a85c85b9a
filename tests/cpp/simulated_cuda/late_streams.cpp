#include "late_streams.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>

namespace late_cuda {

namespace {

/// One thing to do, once `after` has been reached.
struct task {
    std::function<void()> act;
    std::shared_ptr<const mark> after;
    std::shared_ptr<const mark> marks; ///< what it reaches

    bool can_run() const noexcept { return after == nullptr || after->reached; }
};

struct recording {
    std::vector<std::function<void()>> actions; ///< in an order that is right for the graph
    bool global = false;
    bool broken = false;
};

struct world {
    std::map<stream, std::deque<task>> queues;
    std::vector<std::unique_ptr<event>> events;
    std::map<stream, graph> captured;
    std::map<graph, recording> graphs;
    std::set<stream> gone;
};
world now;

bool step(std::deque<task>& queue) {
    if (queue.empty() || !queue.front().can_run()) return false;
    const task next = std::move(queue.front());
    queue.pop_front();
    next.act();
    return true;
}

std::deque<task>* queue_with(const std::shared_ptr<const mark>& awaited) {
    for (auto& [name, queue] : now.queues)
        if (std::any_of(queue.begin(), queue.end(), [&](const task& t) { return t.marks == awaited; })) return &queue;
    return nullptr;
}

/// Does what `queue` has to do, and of the others only what it waits for.
void drain(std::deque<task>& queue) {
    while (!queue.empty()) {
        if (step(queue)) continue;
        const std::shared_ptr<const mark> awaited = queue.front().after;
        std::deque<task>* other = queue_with(awaited);
        if (other == nullptr) return; // it waits for ever, which `run` tells
        while (!awaited->reached)
            if (!step(*other)) drain(*other);
    }
}

cudaError_t broken(graph which, cudaError_t why) {
    now.graphs.at(which).broken = true;
    return why;
}

} // namespace

void give(stream to, std::function<void()> action) {
    if (const graph into = capture_of(to); into != 0) now.graphs.at(into).actions.push_back(std::move(action));
    else now.queues[to].push_back({std::move(action), nullptr, nullptr});
}

bool run(const std::vector<stream>& order) {
    for (bool went_on = true; went_on;)
        went_on = std::any_of(order.begin(), order.end(), [](const stream& s) { return step(now.queues[s]); });
    return std::all_of(now.queues.begin(), now.queues.end(), [](const auto& entry) { return entry.second.empty(); });
}

bool step(stream in) { return step(now.queues[in]); }

event* new_event(int device) {
    now.events.push_back(std::make_unique<event>(event{device}));
    return now.events.back().get();
}

cudaError_t record(event& recorded, stream in) {
    if (recorded.device != in.device) return cudaErrorInvalidValue;
    if (is_gone(in)) return cudaErrorInvalidResourceHandle;
    recorded.captured_in = capture_of(in);
    if (recorded.captured_in != 0) return cudaSuccess; // the order of a recording is that of the calls
    recorded.last = std::make_shared<mark>();
    now.queues[in].push_back({[last = recorded.last] { last->reached = true; }, nullptr, recorded.last});
    return cudaSuccess;
}

cudaError_t wait(stream waiting, const event& awaited) {
    const graph into = capture_of(waiting);
    if (is_gone(waiting)) return cudaErrorInvalidResourceHandle;
    if (awaited.captured_in != 0 && waiting.number <= 1)
        return broken(awaited.captured_in, cudaErrorStreamCaptureImplicit);
    if (awaited.captured_in != 0 && into == 0) now.captured[waiting] = awaited.captured_in; // is captured, too
    else if (awaited.captured_in != into) return broken(into, cudaErrorStreamCaptureIsolation);
    if (awaited.captured_in != 0) return cudaSuccess;
    now.queues[waiting].push_back({[] {}, awaited.last, nullptr});
    return cudaSuccess;
}

bool is_over(const event& asked) { return asked.last == nullptr || asked.last->reached; }

void destroy(stream s) { now.gone.insert(s); }
bool is_gone(stream s) { return now.gone.count(s) != 0; }

graph capture_of(stream s) {
    const auto found = now.captured.find(s);
    return found == now.captured.end() ? 0 : found->second;
}

bool captures_anything() { return !now.captured.empty(); }

cudaError_t wait_for(stream s) {
    if (const graph into = capture_of(s); into != 0) return broken(into, cudaErrorStreamCaptureUnsupported);
    drain(now.queues[s]);
    return cudaSuccess;
}

void wait_for_device(int device) {
    for (auto& [name, queue] : now.queues)
        if (name.device == device) drain(queue);
}

cudaError_t break_global_captures() {
    cudaError_t result = cudaSuccess;
    for (const auto& [name, into] : now.captured)
        if (now.graphs.at(into).global) result = broken(into, cudaErrorStreamCaptureUnsupported);
    return result;
}

graph begin_capture(stream of, bool global) {
    const graph next = now.graphs.size() + 1;
    now.graphs[next].global = global;
    now.captured[of] = next;
    return next;
}

bool end_capture(graph of) {
    for (auto at = now.captured.begin(); at != now.captured.end();)
        at = at->second == of ? now.captured.erase(at) : std::next(at);
    return !now.graphs.at(of).broken;
}

void replay(graph what, stream on) {
    for (const auto& action : now.graphs.at(what).actions) give(on, action);
}

void reset_streams() {
    auto events = std::move(now.events);                         // whoever made them may use them again
    for (const auto& each : events) *each = event{each->device}; // and ask whether they are over
    now = world{};
    now.events = std::move(events);
}

} // namespace late_cuda
