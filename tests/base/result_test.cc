// Every Error says something of its own, and maps to what C and Asio users expect.
#include "tern/result.hh"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace tern {

namespace {

TEST(Result, EveryErrorHasAMessageOfItsOwn) {
    std::set<std::string_view> seen;
    for (int i = 0; i <= static_cast<int>(Error::SystemError); ++i) {
        const auto error = static_cast<Error>(i);
        EXPECT_TRUE(seen.insert(message_of(error)).second) << message_of(error);
        EXPECT_EQ(make_error_code(error).message(), message_of(error));
    }
    EXPECT_EQ(message_of(static_cast<Error>(200)), "unknown error");
    EXPECT_EQ(error_category().message(-1), "unknown error");
    EXPECT_STREQ(error_category().name(), "tern");
}

TEST(Result, ErrorsAreErrno) {
    EXPECT_EQ(errno_of(Error::None), 0);
    EXPECT_EQ(errno_of(Error::Refused), ECONNREFUSED);
    EXPECT_EQ(errno_of(Error::WouldBlock), EAGAIN);
    EXPECT_EQ(errno_of(Error::EndOfStream), 0);
    for (int i = 1; i <= static_cast<int>(Error::SystemError); ++i) {
        if (static_cast<Error>(i) == Error::EndOfStream) continue;
        EXPECT_GT(errno_of(static_cast<Error>(i)), 0) << message_of(static_cast<Error>(i));
    }
}

TEST(Result, ErrorCodesCompareWithErrc) {
    const std::error_code code = Error::Refused;
    EXPECT_EQ(code, std::errc::connection_refused);
    EXPECT_NE(code, std::errc::timed_out);
    EXPECT_EQ(std::error_code{Error::TimedOut}, std::errc::timed_out);
    EXPECT_FALSE(std::error_code{Error::None});
}

Result<int> half(int n) {
    if (n % 2 != 0) return std::unexpected(Error::InvalidArgument);
    return n / 2;
}
Result<int> quarter(int n) {
    TERN_TRY(const int once, half(n));
    TERN_TRY(const int twice, half(once));
    return twice;
}

TEST(Result, TryHandsErrorsUp) {
    EXPECT_EQ(quarter(8), 2);
    EXPECT_EQ(quarter(6), Result<int>{std::unexpected(Error::InvalidArgument)});
}

}  // namespace

}  // namespace tern
