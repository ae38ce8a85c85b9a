/// What several threads may do at once. Says most when built with the preset `tsan`.

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "overlap_support.hpp"
#include <numpy_bridge/device.hpp>
#include <numpy_bridge/owner.hpp>

using namespace numpy_bridge_test;
using numpy_bridge::dtype;
using numpy_bridge::overlap;
using numpy_bridge::owner;

namespace {

constexpr int thread_count = 8, rounds = 2'000;

template <class Work> void run_in_threads(const Work& work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < thread_count; ++i) threads.emplace_back([&work, i] { work(i); });
    for (std::thread& thread : threads) thread.join();
}

TEST(threads, ask_about_the_same_memory) {
    const array whole = c_order(4096, dtype::float32, {8, 6, 4});
    const array even = whole.sliced(2, 0, 4, 2), odd = whole.sliced(2, 1, 4, 2);
    std::atomic<int> wrong = 0;
    run_in_threads([&](int) {
        for (int i = 0; i < rounds; ++i) {
            validate(whole.memory(), "test");
            const bool right = overlaps(even.memory(), odd.memory()) == overlap::no &&
                               overlaps(whole.memory(), odd.memory()) == overlap::yes &&
                               numpy_bridge::from_format("<f", 4) && numpy_bridge::parse_device("cuda:1");
            if (!right) ++wrong;
        }
    });
    EXPECT_EQ(wrong, 0);
}

TEST(threads, release_what_another_thread_owned) {
    std::atomic<int> released = 0;
    const auto release = [](void* context) { ++*static_cast<std::atomic<int>*>(context); };
    std::vector<std::vector<owner>> handed_over(thread_count);
    run_in_threads([&](int i) {
        for (int n = 0; n < rounds; ++n) handed_over[static_cast<std::size_t>(i)].emplace_back(&released, release);
    });
    EXPECT_EQ(released, 0);
    run_in_threads([&](int i) { handed_over[static_cast<std::size_t>((i + 1) % thread_count)].clear(); });
    EXPECT_EQ(released, thread_count * rounds);
}

} // namespace
