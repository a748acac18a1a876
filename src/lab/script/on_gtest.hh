// Scripts as GoogleTest tests:
//
//   SCRIPT("a SYN inside the window is challenged, not obeyed", covers("RFC5961:R5")) {
//       t.passive_open();
//       t.inject("< S 500:500(0) win 1000");
//       t.expect("> . 1:1(0) ack 1");
//       t.state(State::Established);
//   }
#pragma once

#include <gtest/gtest.h>

#include "lab/script/script.hh"

namespace tern::script {

// The requirements of spec/*.tsv that a script proves.
inline std::string covers() { return {}; }
template <class... Ids>
std::string covers(const char* first, Ids... more) {
    std::string all = first;
    ((all += ' ', all += more), ...);
    return all;
}

class Test : public ::testing::Test {
protected:
    virtual std::string title() const = 0;
    virtual std::string requirements() const = 0;
    virtual void body(Script& t) = 0;
    void TestBody() override {
        RecordProperty("title", title());
        if (const std::string ids = requirements(); !ids.empty()) RecordProperty("covers", ids);
        Script t;
        try {
            body(t);
            if (const std::string wrong = t.finish(); !wrong.empty())
                ADD_FAILURE() << t.story() << "\nat the end:\n" << wrong;
            else if (HasFailure())
                ADD_FAILURE() << t.story();
        } catch (const Failure& f) {
            ADD_FAILURE_AT(f.where.file_name(), static_cast<int>(f.where.line())) << f.what();
        }
    }
};

// "a SYN, twice" -> "a_SYN_twice": what GoogleTest takes as a name.
std::string name_from(std::string_view title);
// "tests/script/rfc9293/open.cc" -> "rfc9293_open"
std::string suite_from(std::string_view file);

template <class T>
const ::testing::TestInfo* add_script(const char* title, const char* file, int line) {
    return ::testing::RegisterTest(suite_from(file).c_str(), name_from(title).c_str(), nullptr,
                                   nullptr, file, line, []() -> Test* { return new T; });
}

}  // namespace tern::script

#define TERN_SCRIPT_CLASS(name, text, ...)                             \
    namespace {                                                        \
    class name final : public ::tern::script::Test {                   \
        std::string title() const override { return text; }            \
        std::string requirements() const override {                    \
            using ::tern::script::covers;                              \
            return __VA_OPT__(__VA_ARGS__ +) std::string{};            \
        }                                                              \
        void body(::tern::script::Script& t) override;                 \
        [[maybe_unused]] static const ::testing::TestInfo* const info; \
    };                                                                 \
    const ::testing::TestInfo* const name::info =                      \
        ::tern::script::add_script<name>(text, __FILE__, __LINE__);    \
    }                                                                  \
    void name::body([[maybe_unused]] ::tern::script::Script& t)
#define TERN_SCRIPT_PASTE(line, ...) TERN_SCRIPT_CLASS(ScriptAtLine##line, __VA_ARGS__)
#define TERN_SCRIPT_AT(line, ...) TERN_SCRIPT_PASTE(line, __VA_ARGS__)

// One script a line: the line's number is the name of its class.
#define SCRIPT(...) TERN_SCRIPT_AT(__LINE__, __VA_ARGS__)

// Ends the script with its story when the condition does not hold.
#define CHECK(...) t.check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__)
