// URLs and where a redirection leads.
#include <gtest/gtest.h>

#include "http/url.hh"

namespace tern::test {
namespace {

struct Example {
    const char* reference;
    const char* target;
};

std::string resolved(const char* base, const char* reference) {
    return tools::resolve_reference(tools::split_reference(base), tools::split_reference(reference))
        .text();
}

// RFC 3986 5.4: each example of the section, the first of both readings where it gives two.
constexpr Example k_examples[] = {
    // 5.4.1, normal examples
    {"g:h", "g:h"},
    {"g", "http://a/b/c/g"},
    {"./g", "http://a/b/c/g"},
    {"g/", "http://a/b/c/g/"},
    {"/g", "http://a/g"},
    {"//g", "http://g"},
    {"?y", "http://a/b/c/d;p?y"},
    {"g?y", "http://a/b/c/g?y"},
    {"#s", "http://a/b/c/d;p?q#s"},
    {"g#s", "http://a/b/c/g#s"},
    {"g?y#s", "http://a/b/c/g?y#s"},
    {";x", "http://a/b/c/;x"},
    {"g;x", "http://a/b/c/g;x"},
    {"g;x?y#s", "http://a/b/c/g;x?y#s"},
    {"", "http://a/b/c/d;p?q"},
    {".", "http://a/b/c/"},
    {"./", "http://a/b/c/"},
    {"..", "http://a/b/"},
    {"../", "http://a/b/"},
    {"../g", "http://a/b/g"},
    {"../..", "http://a/"},
    {"../../", "http://a/"},
    {"../../g", "http://a/g"},
    // 5.4.2, abnormal examples
    {"../../../g", "http://a/g"},
    {"../../../../g", "http://a/g"},
    {"/./g", "http://a/g"},
    {"/../g", "http://a/g"},
    {"g.", "http://a/b/c/g."},
    {".g", "http://a/b/c/.g"},
    {"g..", "http://a/b/c/g.."},
    {"..g", "http://a/b/c/..g"},
    {"./../g", "http://a/b/g"},
    {"./g/.", "http://a/b/c/g/"},
    {"g/./h", "http://a/b/c/g/h"},
    {"g/../h", "http://a/b/c/h"},
    {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
    {"g;x=1/../y", "http://a/b/c/y"},
    {"g?y/./x", "http://a/b/c/g?y/./x"},
    {"g?y/../x", "http://a/b/c/g?y/../x"},
    {"g#s/./x", "http://a/b/c/g#s/./x"},
    {"g#s/../x", "http://a/b/c/g#s/../x"},
    {"http:g", "http:g"},
};

TEST(Reference, ResolvesAsTheExamplesOfRfc3986) {
    for (const Example& e : k_examples) {
        EXPECT_EQ(resolved("http://a/b/c/d;p?q", e.reference), e.target) << e.reference;
    }
}

TEST(Reference, ResolvesAgainstABaseWithoutAPath) {
    EXPECT_EQ(resolved("http://a", "g"), "http://a/g");
    EXPECT_EQ(resolved("http://a?q", "?y"), "http://a?y");
    EXPECT_EQ(resolved("http://a?q", ""), "http://a?q");
}

// Location of a redirection from http://10.0.0.1:8000/a/b?c=d: server, then target.
struct Move {
    const char* location;
    const char* server;
    const char* target;
};
constexpr Move k_moves[] = {
    {"x", "10.0.0.1:8000", "/a/x"},
    {"/x", "10.0.0.1:8000", "/x"},
    {"?q=1", "10.0.0.1:8000", "/a/b?q=1"},
    {"?u=http://z/", "10.0.0.1:8000", "/a/b?u=http://z/"},
    {"//10.0.0.2/x", "10.0.0.2:80", "/x"},
    {"../x", "10.0.0.1:8000", "/x"},
    {"../../x", "10.0.0.1:8000", "/x"},
    {"./", "10.0.0.1:8000", "/a/"},
    {"", "10.0.0.1:8000", "/a/b?c=d"},
    {"#part", "10.0.0.1:8000", "/a/b?c=d"},
    {"x#part", "10.0.0.1:8000", "/a/x"},
    {"HTTP://10.0.0.3:81", "10.0.0.3:81", "/"},
    {"http://10.0.0.3?q", "10.0.0.3:80", "/?q"},
    {"http://10.0.0.3:/x", "10.0.0.3:80", "/x"},
    {"http://10.0.0.3/a/../b", "10.0.0.3:80", "/b"},
    {"/with space/\xc3\xa9\"", "10.0.0.1:8000", "/with%20space/%C3%A9%22"},
    {"/kept%20as%2fit%20is", "10.0.0.1:8000", "/kept%20as%2fit%20is"},
};

TEST(Redirection, LeadsWhereItsLocationSays) {
    const auto base = tools::parse_url("http://10.0.0.1:8000/a/b?c=d");
    ASSERT_TRUE(base);
    for (const Move& m : k_moves) {
        const auto to = tools::resolve_url(*base, m.location);
        ASSERT_TRUE(to) << m.location << ": " << to.error();
        EXPECT_EQ(to->server.to_string(), m.server) << m.location;
        EXPECT_EQ(to->target, m.target) << m.location;
    }
    for (const char* location : {"https://10.0.0.1/", "ftp://10.0.0.1/x", "http:x", "mailto:x@y",
                                 "//example.org/", "http://u:p@10.0.0.1/", "//", "http:///x"}) {
        EXPECT_FALSE(tools::resolve_url(*base, location)) << location;
    }
}

TEST(Url, NeedsAnAddressForNow) {
    const auto url = tools::parse_url("http://10.0.0.1:8080/a/b?c=d#e");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->server.to_string(), "10.0.0.1:8080");
    EXPECT_EQ(url->target, "/a/b?c=d");
    EXPECT_EQ(tools::parse_url("10.0.0.1")->target, "/");
    EXPECT_EQ(tools::parse_url("10.0.0.1:81/x")->server.port, 81);
    EXPECT_EQ(tools::parse_url("Http://10.0.0.1/X")->target, "/X");
    for (const char* text :
         {"http://example.org/", "https://10.0.0.1/", "ftp://10.0.0.1/", "http://10.0.0.1:0/",
          "http://10.0.0.1:99999/", "http://[::1", "", "http://10.0.0.1/a b", "http:10.0.0.1"}) {
        EXPECT_FALSE(tools::parse_url(text)) << text;
    }
}

}  // namespace
}  // namespace tern::test
