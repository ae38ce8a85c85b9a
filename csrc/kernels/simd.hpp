/// Loops compiled for the vector units that a processor may have, and chosen when they are first run.
///
/// The wheel is built for every processor of its architecture, and loops over elements in the cache are several times
/// faster with AVX2 or AVX-512. Put the loop into an `inline` function marked NUMPY_BRIDGE_EVERYWHERE, and
/// `NUMPY_BRIDGE_DISPATCH(name, loop, (parameters), (arguments))` defines `name`, which runs the best of its copies.
/// Where NUMPY_BRIDGE_BASELINE is defined there is one copy, for any processor: tests run it on this one.
#pragma once

// NUMPY_BRIDGE_INDEPENDENT before a loop says that no turn reads what another writes. Clang finds out by itself, and
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

#define NUMPY_BRIDGE_DISPATCH(name, loop, parameters, arguments)                                                       \
    __attribute__((target(NUMPY_BRIDGE_AVX512))) void name##_avx512 parameters noexcept { loop arguments; }            \
    __attribute__((target("avx2"))) void name##_avx2 parameters noexcept { loop arguments; }                           \
    void name##_baseline parameters noexcept { loop arguments; }                                                       \
    void name parameters noexcept {                                                                                    \
        static const auto best = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&            \
                                         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")      \
                                     ? name##_avx512                                                                   \
                                 : __builtin_cpu_supports("avx2") ? name##_avx2                                        \
                                                                  : name##_baseline;                                   \
        best arguments;                                                                                                \
    }

#else

#define NUMPY_BRIDGE_EVERYWHERE
#define NUMPY_BRIDGE_DISPATCH(name, loop, parameters, arguments)                                                       \
    void name parameters noexcept { loop arguments; }

#endif
