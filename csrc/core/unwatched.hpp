/// Whether audits report no calls of this thread: those of `explain`, and those inside a watched call.
#pragma once

namespace numpy_bridge {

inline thread_local bool unwatched_here = false;

} // namespace numpy_bridge
