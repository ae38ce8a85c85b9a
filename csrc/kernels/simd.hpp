/// Loops compiled for several vector units, of which the best is chosen at the first call.
///
/// The wheel runs on every processor of its architecture, but loops over elements in the cache are several times faster
/// with AVX2 or AVX-512. Put the loop into an `inline` function marked NUMPY_BRIDGE_EVERYWHERE, as are all functions
/// and lambdas that it calls. `NUMPY_BRIDGE_DISPATCH(name, loop, (parameters), (arguments))` defines `name`, which runs
/// the best copy, and `best_name()`, which returns it. With NUMPY_BRIDGE_BASELINE, which is for tests, there is only
/// the copy for any processor.
#pragma once

// NUMPY_BRIDGE_INDEPENDENT before a loop promises that no turn reads what another writes. Clang needs no promise, and
// would warn where it does not vectorise.
#if defined(__GNUC__) && !defined(__clang__)
#define NUMPY_BRIDGE_INDEPENDENT _Pragma("GCC ivdep")
#define NUMPY_BRIDGE_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"
#else
#define NUMPY_BRIDGE_INDEPENDENT
#define NUMPY_BRIDGE_AVX512 "avx512f,avx512bw,avx512dq,avx512vl"
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(NUMPY_BRIDGE_BASELINE)

#define NUMPY_BRIDGE_X86
#define NUMPY_BRIDGE_EVERYWHERE __attribute__((always_inline))

// NOLINTBEGIN(bugprone-macro-parentheses): the parameters bring theirs
#define NUMPY_BRIDGE_DISPATCH(name, loop, parameters, arguments)                                                       \
    __attribute__((target(NUMPY_BRIDGE_AVX512))) static void name##_avx512 parameters noexcept { loop arguments; }     \
    __attribute__((target("avx2"))) static void name##_avx2 parameters noexcept { loop arguments; }                    \
    static void name##_baseline parameters noexcept { loop arguments; }                                                \
    [[maybe_unused]] static auto best_##name() noexcept -> void(*) parameters {                                        \
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&                              \
                       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")                        \
                   ? name##_avx512                                                                                     \
               : __builtin_cpu_supports("avx2") ? name##_avx2                                                          \
                                                : name##_baseline;                                                     \
    }                                                                                                                  \
    [[maybe_unused]] static void name parameters noexcept {                                                            \
        static const auto best = best_##name();                                                                        \
        best arguments;                                                                                                \
    }
// NOLINTEND(bugprone-macro-parentheses)

#else

#define NUMPY_BRIDGE_EVERYWHERE
#define NUMPY_BRIDGE_DISPATCH(name, loop, parameters, arguments)                                                       \
    [[maybe_unused]] static void name parameters noexcept { loop arguments; }                                          \
    [[maybe_unused]] static auto best_##name() noexcept -> void(*) parameters { return name; }

#endif
