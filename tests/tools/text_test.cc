// What strangers wrote never reaches a terminal as it is, and never spoils JSON.
#include "text.hh"

#include <gtest/gtest.h>

#include "json.hh"

namespace tern::tools {
namespace {

struct Case {
    std::string text, shown;
};

const Case k_cases[] = {
    {"plain text, 42", "plain text, 42"},
    {"\\ stays", "\\ stays"},
    {"Gr\u00fc\u00dfe, \u65e5\u672c, \U0001f426", "Gr\u00fc\u00dfe, \u65e5\u672c, \U0001f426"},
    {"two\nlines\r\n", "two\\nlines\\x0d\\n"},
    {std::string{"\0", 1}, "\\x00"},
    {"\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"},
    {"\x7f", "\\x7f"},
    {"C1: \u009b31m", "C1: \\u009b31m"},
    {"C1 raw: \x9b", "C1 raw: \\x9b"},
    {"exe.\u202egpj", "exe.\\u202egpj"},
    {"a\u2066b\u200fc\u061c", "a\\u2066b\\u200fc\\u061c"},
    {"line\u2028separator", "line\\u2028separator"},
    {"\xff\xfe", "\\xff\\xfe"},
    {"cut \xe2\x82", "cut \\xe2\\x82"},
    {"overlong \xc0\xaf \xe0\x80\xaf", "overlong \\xc0\\xaf \\xe0\\x80\\xaf"},
    {"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
    {"beyond \xf4\x90\x80\x80", "beyond \\xf4\\x90\\x80\\x80"},
    {"tag \U000e0041", "tag \\ue0041"},
    {"no-break \u00a0 and soft\u00adhyphen", "no-break \u00a0 and soft\\u00adhyphen"},
};

TEST(ForeignText, IsWrittenOut) {
    for (const Case& c : k_cases) EXPECT_EQ(printable(c.text), c.shown);
}

// Every single byte, and every pair: no control is left, and what is left is UTF-8.
TEST(ForeignText, LeavesNoControlAndNoBrokenCharacter) {
    for (unsigned a = 0; a < 256; ++a) {
        for (unsigned b = 0; b < 256; ++b) {
            const std::string text{static_cast<char>(a), static_cast<char>(b)};
            const std::string shown = printable(text);
            for (const char c : shown) {
                const auto code = static_cast<unsigned char>(c);
                EXPECT_TRUE(code >= 0x20 && code != 0x7f) << a << " " << b;
            }
            EXPECT_NO_THROW(static_cast<void>(Json(shown).dump())) << a << " " << b;
            EXPECT_TRUE(Json::accept(json_string(text))) << a << " " << b;
        }
    }
}

TEST(JsonText, IsValidWhateverAPeerSent) {
    for (const Case& c : k_cases) {
        const std::string text = json_text({{"data", c.text}, {"n", 1}});
        ASSERT_TRUE(Json::accept(text)) << text;
        EXPECT_EQ(text.find('\n'), std::string::npos) << "one line";
    }
    EXPECT_EQ(json_string("a\xff"
                          "b"),
              "\"a\uFFFDb\"");
    EXPECT_EQ(json_text({{"x", 0.0 / rounded(0, 1)}}), "{\"x\":null}");
    EXPECT_EQ(json_text({{"ms", rounded(1.23456, 3)}}), "{\"ms\":1.235}");
}

}  // namespace
}  // namespace tern::tools
