#include <stdexcept>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include <numpy_bridge/error.hpp>

using numpy_bridge::refusal;
using numpy_bridge::sharing_error;
using numpy_bridge::too_hard_error;

namespace {

const refusal without_hint{"DLPack", "strides", "strides of 0 or more", "-1", ""};
const refusal with_hint{"torch", "requires_grad", "False", "True", "share t.detach()"};

TEST(refusal, says_what_cannot_be_done_and_why_and_what_to_do) {
    EXPECT_EQ(with_hint.message(),
              "torch cannot share this: expected False, got True. Share t.detach(). [torch.requires_grad]");
}

TEST(refusal, ends_after_what_it_got_when_there_is_no_hint) {
    EXPECT_EQ(without_hint.message(),
              "cannot share this through DLPack: expected strides of 0 or more, got -1. [DLPack.strides]");
}

TEST(sharing_error, says_what_its_refusal_says) {
    EXPECT_STREQ(sharing_error(with_hint).what(), with_hint.message().c_str());
}

TEST(sharing_error, keeps_every_part_of_its_refusal_while_it_is_thrown) {
    try {
        throw sharing_error(with_hint);
    } catch (const std::runtime_error& error) {
        const refusal& why = dynamic_cast<const sharing_error&>(error).why();
        EXPECT_EQ(why.protocol, "torch");
        EXPECT_EQ(why.field, "requires_grad");
        EXPECT_EQ(why.expected, "False");
        EXPECT_EQ(why.got, "True");
        EXPECT_EQ(why.hint, "share t.detach()");
    }
}

TEST(too_hard_error, is_not_taken_for_a_refusal) {
    EXPECT_FALSE((std::is_base_of_v<sharing_error, too_hard_error>));
    EXPECT_FALSE((std::is_base_of_v<too_hard_error, sharing_error>));
    EXPECT_TRUE((std::is_base_of_v<std::runtime_error, too_hard_error>));
    EXPECT_STREQ(too_hard_error("gave up").what(), "gave up");
}

} // namespace
