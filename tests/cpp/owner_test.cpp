#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <numpy_bridge/owner.hpp>

using numpy_bridge::owner;

namespace {

/// Something to own that counts how often it was released.
struct resource {
    int released = 0;
};
void release(void* context) { ++static_cast<resource*>(context)->released; }
void release_otherwise(void* context) { static_cast<resource*>(context)->released += 1000; }

TEST(owner, releases_once_at_the_end_of_its_scope) {
    resource r;
    {
        const owner o(&r, release);
        EXPECT_EQ(r.released, 0);
    }
    EXPECT_EQ(r.released, 1);
}

TEST(owner, releases_once_when_reset_and_never_again) {
    resource r;
    {
        owner o(&r, release);
        o.reset();
        EXPECT_EQ(r.released, 1);
        EXPECT_FALSE(o);
        o.reset();
    }
    EXPECT_EQ(r.released, 1);
}

TEST(owner, gives_its_duty_away_when_moved_from) {
    resource r;
    {
        owner first(&r, release);
        {
            const owner second(std::move(first));
            EXPECT_TRUE(second);
            EXPECT_EQ(second.context(), &r);
            EXPECT_TRUE(second.releases_with(release));
        }
        EXPECT_EQ(r.released, 1);
        // NOLINTBEGIN(bugprone-use-after-move,clang-analyzer-cplusplus.Move): what is left is the point
        EXPECT_FALSE(first);
        EXPECT_EQ(first.context(), nullptr);
        EXPECT_FALSE(first.releases_with(release));
        // NOLINTEND(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    }
    EXPECT_EQ(r.released, 1);
}

TEST(owner, releases_what_it_had_when_assigned_to) {
    resource old_one, new_one;
    {
        owner target(&old_one, release_otherwise);
        target = owner(&new_one, release);
        EXPECT_EQ(old_one.released, 1000); // in its own way, not in the newcomer's
        EXPECT_EQ(new_one.released, 0);
    }
    EXPECT_EQ(old_one.released, 1000);
    EXPECT_EQ(new_one.released, 1);
}

TEST(owner, can_be_moved_into_an_empty_one) {
    resource r;
    {
        owner target;
        target = owner(&r, release);
        EXPECT_EQ(target.context(), &r);
    }
    EXPECT_EQ(r.released, 1);
}

TEST(owner, releases_each_of_many_once_however_they_are_moved) {
    std::vector<resource> resources(100);
    {
        std::vector<owner> owners; // moves them all whenever it grows
        for (resource& r : resources) owners.emplace_back(&r, release);
        std::swap(owners.front(), owners.back());
        for (const resource& r : resources) EXPECT_EQ(r.released, 0);
    }
    for (const resource& r : resources) EXPECT_EQ(r.released, 1);
}

TEST(owner, may_be_released_on_another_thread) {
    resource r;
    std::thread([o = owner(&r, release)] {}).join();
    EXPECT_EQ(r.released, 1);
}

TEST(owner, is_empty_by_default) {
    owner o;
    EXPECT_FALSE(o);
    EXPECT_EQ(o.context(), nullptr);
    EXPECT_FALSE(o.releases_with(release));
    o.reset();
}

TEST(owner, has_nothing_to_release_without_a_context) {
    const owner o(nullptr, [](void*) { FAIL() << "nothing was there to release"; });
    EXPECT_FALSE(o);
}

TEST(owner, tells_one_way_of_releasing_from_another) {
    resource r;
    const owner o(&r, release);
    EXPECT_TRUE(o.releases_with(release));
    EXPECT_FALSE(o.releases_with(release_otherwise));
}

TEST(owner, cannot_be_copied_and_moves_without_throwing) {
    EXPECT_FALSE(std::is_copy_constructible_v<owner>);
    EXPECT_FALSE(std::is_copy_assignable_v<owner>);
    EXPECT_TRUE(std::is_nothrow_move_constructible_v<owner>);
    EXPECT_TRUE(std::is_nothrow_move_assignable_v<owner>);
}

} // namespace
