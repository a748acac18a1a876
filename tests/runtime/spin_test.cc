// How long Wait::Adaptive spins.
#include "os/runtime/spin.hh"

#include <gtest/gtest.h>

namespace tern {
namespace {

using namespace std::chrono_literals;

struct SpinTest : testing::Test {
    SpinBound spin{50us};
};

TEST_F(SpinTest, AtMostAsLongAsItIsTold) {
    EXPECT_TRUE(spin.worth(49us));
    EXPECT_FALSE(spin.worth(50us));
    for (int i = 0; i < 10; ++i) spin.slept(20us);
    EXPECT_TRUE(spin.worth(49us));
    EXPECT_FALSE(spin.worth(50us));
    const SpinBound never{0us};
    EXPECT_FALSE(never.worth(0us));
}

TEST_F(SpinTest, StopsWhereItDoesNotPay) {
    spin.slept(10ms);
    EXPECT_FALSE(spin.worth(26us));
    EXPECT_TRUE(spin.worth(24us));
    for (int i = 0; i < 3; ++i) spin.slept(10ms);
    EXPECT_FALSE(spin.worth(0us)) << "an idle host sleeps at once";
}

TEST_F(SpinTest, BeginsAgainWhenSleepsAreShort) {
    for (int i = 0; i < 10; ++i) spin.slept(1s);
    ASSERT_FALSE(spin.worth(0us));
    spin.slept(30us);
    EXPECT_TRUE(spin.worth(4us));
    EXPECT_FALSE(spin.worth(6us));
    for (int i = 0; i < 4; ++i) spin.slept(30us);
    EXPECT_TRUE(spin.worth(49us));
}

}  // namespace
}  // namespace tern
