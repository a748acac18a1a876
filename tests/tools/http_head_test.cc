// Heads of requests and responses: what is taken, and what is answered to the rest.
#include <gtest/gtest.h>

#include "http/head.hh"

namespace tern::test {
namespace {

using tools::HeadBuffer;
using tools::Response;
using Found = HeadBuffer::Found;

TEST(HeadBuffer, FindsAHeadHoweverItsBytesArrive) {
    const std::string head = "GET / HTTP/1.1\r\nHost: x\r\n";
    const std::string all = "\r\n\n" + head + "\r\nnext";
    for (std::size_t cut = 0; cut <= all.size(); ++cut) {
        HeadBuffer buffer{1000};
        const Found first = buffer.add(all.substr(0, cut));
        EXPECT_EQ(first, cut >= all.size() - 4 ? Found::Whole : Found::More) << cut;
        EXPECT_EQ(buffer.add(all.substr(cut)), Found::Whole) << cut;
        EXPECT_EQ(buffer.take(), head) << cut;
        EXPECT_EQ(buffer.rest(), "next") << cut;
    }
    HeadBuffer buffer{1000};
    Found found = Found::More;
    for (const char c : all.substr(0, all.size() - 4)) {
        EXPECT_EQ(found, Found::More);
        found = buffer.add({&c, 1});
    }
    EXPECT_EQ(found, Found::Whole);
}

TEST(HeadBuffer, GivesPipelinedHeadsOneAfterAnother) {
    HeadBuffer buffer{1000};
    ASSERT_EQ(buffer.add("a\nb\n\nc\r\n\r\nd"), Found::Whole);
    EXPECT_EQ(buffer.take(), "a\nb\n");
    ASSERT_EQ(buffer.look(), Found::Whole);
    EXPECT_EQ(buffer.take(), "c\r\n");
    EXPECT_EQ(buffer.look(), Found::More);
    EXPECT_EQ(buffer.add("\n\n"), Found::Whole);
    EXPECT_EQ(buffer.take(), "d\n");
    EXPECT_TRUE(buffer.empty());
}

TEST(HeadBuffer, KeepsNoMoreThanItsLimit) {
    for (const char* piece : {"a", "field: value\r\n"}) {
        HeadBuffer buffer{1000};
        Found found = Found::More;
        std::size_t given = 0;
        while (found == Found::More && given < 10'000) {
            found = buffer.add(piece);
            given += std::string_view{piece}.size();
        }
        EXPECT_EQ(found, Found::TooLong);
        EXPECT_LE(given, 1000 + std::string_view{piece}.size());
    }
    // A head that is whole, but longer than the limit, in one piece.
    HeadBuffer buffer{1000};
    EXPECT_EQ(buffer.add("a\r\nb: " + std::string(1000, 'x') + "\r\n\r\n"), Found::TooLong);
    // Empty lines without end leave nothing behind.
    HeadBuffer empty{1000};
    for (int i = 0; i < 10'000; ++i) EXPECT_EQ(empty.add("\r\n"), Found::More);
    EXPECT_TRUE(empty.empty());
}

struct Asked {
    const char* head;
    unsigned refused;    // 0: it is served
    const char* target;  // then
    bool keep_alive = true;
};

constexpr Asked k_requests[] = {
    // RFC 9112 3.2.1, origin-form.
    {"GET /a?b HTTP/1.1\r\nHost: x\r\n", 0, "/a?b"},
    {"HEAD / HTTP/1.1\r\nHost: x\r\n", 0, "/"},
    {"GET / HTTP/1.1\nHost: x\n", 0, "/"},
    {"GET / HTTP/1.0\r\n", 0, "/", false},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n", 0, "/", true},
    {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", 0, "/", false},
    {"GET /\xff HTTP/1.1\r\nHost: x\r\n", 0, "/\xff"},
    // RFC 9112 3.2.2: a server MUST accept the absolute-form.
    {"GET http://10.0.0.2/a?b HTTP/1.1\r\nHost: 10.0.0.2\r\n", 0, "/a?b"},
    {"GET HTTP://other:8080 HTTP/1.1\r\nHost: x\r\n", 0, "/"},
    {"GET http://x?q HTTP/1.1\r\nHost: x\r\n", 0, "/?q"},
    {"GET http:///a HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"GET http://u@x/ HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"GET http://x:y/ HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"GET http:a HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"GET https://x/ HTTP/1.1\r\nHost: x\r\n", 421, ""},
    {"GET * HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"GET a HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"GET x:80 HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"OPTIONS * HTTP/1.1\r\nHost: x\r\n", 405, ""},
    {"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n", 405, "", false},
    // RFC 9112 3.2: 400 to a request without Host, with more than one, or with an invalid one.
    {"GET / HTTP/1.1\r\n", 400, ""},
    {"GET http://x/ HTTP/1.1\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n", 400, ""},
    {"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: x y\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: x/y\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: u@x\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: x:y\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost:\r\n", 0, "/"},
    {"GET / HTTP/1.1\r\nHost: x:\r\n", 0, "/"},
    {"GET / HTTP/1.1\r\nHost: [fe80::1]:8080\r\n", 0, "/"},
    {"GET / HTTP/1.1\r\nhOST: x_y%20z\r\n", 0, "/"},
    // RFC 9110 9.1: 405 for what is known and not allowed here, 501 for what is not known.
    {"POST / HTTP/1.1\r\nHost: x\r\n", 405, ""},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n", 405, "", false},
    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n", 405, "", false},
    {"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n", 405, "", false},
    {"PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n", 405, ""},
    {"DELETE /a HTTP/1.1\r\nHost: x\r\n", 405, ""},
    {"TRACE /a HTTP/1.1\r\nHost: x\r\n", 405, ""},
    {"PATCH /a HTTP/1.1\r\nHost: x\r\n", 405, ""},
    {"BREW /pot HTTP/1.1\r\nHost: x\r\n", 501, ""},
    {"get / HTTP/1.1\r\nHost: x\r\n", 501, ""},
    // RFC 9110 8.6, RFC 9112 6: content of a GET.
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n", 0, "/"},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n", 0, "/", false},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n", 0, "/", false},
    {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n", 0, "/", false},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n", 413, ""},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n", 501, ""},
    {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n", 501, ""},
    // RFC 9110 10.1.1.
    {"GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n", 417, ""},
    {"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n", 0, "/"},
    // RFC 9110 2.5 and 15.6.6: versions.
    {"GET / HTTP/1.9\r\nHost: x\r\n", 0, "/"},
    {"GET / HTTP/2.0\r\nHost: x\r\n", 505, ""},
    {"GET / HTTP/9.9\r\n", 505, ""},
    {"GET / HTTP/0.9\r\n", 505, ""},
    {"GET / HTTP/1\r\n", 400, ""},
    {"GET / http/1.1\r\n", 400, ""},
    {"GET / HTTP/1.10\r\n", 400, ""},
    // RFC 9112 3: what is no request line.
    {"GET /\r\n", 400, ""},
    {"GET\r\n", 400, ""},
    {" GET / HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"GET  HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"GET /a b HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"GET /a\tb HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"G@T / HTTP/1.1\r\nHost: x\r\n", 400, ""},
    {"I am no HTTP client\r\n", 400, ""},
    {"\r\n", 400, ""},
    {"", 400, ""},
    // RFC 9112 2.2 and 5: bare CR, and what is no field line.
    {"GET / HTTP/1.1\r\nHost: x\rX: y\r\n", 400, ""},
    {"GET / HTTP/1.1\rHost: x\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost : x\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nno colon\r\n", 400, ""},
    {"GET / HTTP/1.1\r\n: x\r\n", 400, ""},
    {"GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n", 400, ""},
};

TEST(Request, IsTakenOrRefusedAsTheRfcsSay) {
    for (const Asked& a : k_requests) {
        const tools::Request request = tools::parse_request(a.head);
        EXPECT_EQ(request.refused, a.refused) << a.head << request.why;
        EXPECT_EQ(request.why.empty(), a.refused == 0) << a.head;
        if (a.refused == 0) {
            EXPECT_EQ(request.head.target(), a.target) << a.head;
        }
        const bool goes_on =
            a.keep_alive && (a.refused == 0 || a.refused == 405 || a.refused == 421);
        EXPECT_EQ(request.keep_alive, goes_on) << a.head;
    }
}

TEST(Request, ThatIsTooLongIsToldWhatOfIt) {
    HeadBuffer line{100};
    ASSERT_EQ(line.add("GET /" + std::string(200, 'a')), Found::TooLong);
    EXPECT_EQ(tools::request_too_long(line).refused, 414u);
    HeadBuffer fields{100};
    ASSERT_EQ(fields.add("GET / HTTP/1.1\r\nCookie: " + std::string(200, 'a')), Found::TooLong);
    EXPECT_EQ(tools::request_too_long(fields).refused, 431u);
}

TEST(Request, BeginsWithAToken) {
    for (const char* good : {"", "\r\n", "G", "\r\nG", "\n\n"}) {
        EXPECT_TRUE(tools::may_begin_request(good)) << good;
    }
    for (const char* bad : {"\x16\x03\x01", " G", "\r\n\xff", "{"}) {
        EXPECT_FALSE(tools::may_begin_request(bad)) << bad;
    }
}

struct Answered {
    const char* head;
    unsigned status;  // 0: it is refused
    Response::Body body;
    u64 length = 0;
    const char* reason = "";
};
using Body = Response::Body;

constexpr Answered k_responses[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", 200, Body::Length, 5, "OK"},
    {"HTTP/1.1 200 OK\nContent-Length: 5\n", 200, Body::Length, 5, "OK"},
    {"HTTP/1.0 200 OK\r\n", 200, Body::UntilClose, 0, "OK"},
    // RFC 9112 4: the reason may be absent.
    {"HTTP/1.1 200 \r\n", 200, Body::UntilClose},
    {"HTTP/1.1 200\r\n", 200, Body::UntilClose},
    {"HTTP/1.1  404  Not  there\r\n", 404, Body::UntilClose, 0, " Not  there"},
    {"HTTP/1.1 200 \xc3\xa9\x1b[1m\r\n", 200, Body::UntilClose, 0, "\xc3\xa9\x1b[1m"},
    {"HTTP/1.7 299 odd\r\n", 299, Body::UntilClose, 0, "odd"},
    {"HTTP/1.1 999 odd\r\n", 999, Body::UntilClose, 0, "odd"},
    // RFC 9112 6.3: these have no content, whatever their fields say.
    {"HTTP/1.1 100 Continue\r\n", 100, Body::None, 0, "Continue"},
    {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n", 103, Body::None, 0, "Early Hints"},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n", 204, Body::None, 0, "No Content"},
    {"HTTP/1.1 205 Reset Content\r\n", 205, Body::None, 0, "Reset Content"},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", 304, Body::None, 0, "Not Modified"},
    {"HTTP/1.1 203 Other\r\nContent-Length: 5\r\n", 203, Body::Length, 5, "Other"},
    // RFC 9112 6.3: Transfer-Encoding overrides Content-Length; equal lengths are one.
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n", 200, Body::Chunked, 0, "OK"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", 200, Body::Chunked,
     0, "OK"},
    {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n", 200, Body::Chunked,
     0, "OK"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n", 200, Body::Length, 5, "OK"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n", 200, Body::Length, 5, "OK"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n", 0, Body::None},
    {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n", 0, Body::None},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", 0, Body::None},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n", 0, Body::None},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", 0, Body::None},
    {"HTTP/1.1 200 OK\r\nA: folded\r\n  here\r\nContent-Length: 5\r\n", 200, Body::Length, 5, "OK"},
    // What is no answer of HTTP/1.
    {"HTTP/2.0 200 OK\r\n", 0, Body::None},
    {"HTTP/1.1 20 OK\r\n", 0, Body::None},
    {"HTTP/1.1 2000 OK\r\n", 0, Body::None},
    {"HTTP/1.1 099 OK\r\n", 0, Body::None},
    {"HTTP/1.1 OK\r\n", 0, Body::None},
    {"HTTP/1.1200 OK\r\n", 0, Body::None},
    {"HTTP/1.1\r\n", 0, Body::None},
    {"ICY 200 OK\r\n", 0, Body::None},
    {"SSH-2.0-OpenSSH\r\n", 0, Body::None},
    {"HTTP/1.1 200 OK\r\nno colon\r\n", 0, Body::None},
    {"", 0, Body::None},
};

TEST(Response, IsFramedAsTheRfcsSay) {
    for (const Answered& a : k_responses) {
        const auto response = tools::parse_response(a.head);
        ASSERT_EQ(response.has_value(), a.status != 0) << a.head;
        if (!response) {
            EXPECT_FALSE(response.error().empty());
            continue;
        }
        EXPECT_EQ(response->status, a.status) << a.head;
        EXPECT_EQ(response->body, a.body) << a.head;
        EXPECT_EQ(response->length, a.length) << a.head;
        EXPECT_EQ(response->reason, a.reason) << a.head;
    }
}

TEST(Response, KnowsAnEmptyLocationFromNone) {
    EXPECT_FALSE(tools::parse_response("HTTP/1.1 302 Found\r\n")->location);
    EXPECT_EQ(tools::parse_response("HTTP/1.1 302 Found\r\nLocation:\r\n")->location, "");
    EXPECT_EQ(tools::parse_response("HTTP/1.1 302 Found\r\nLocation: ?q \r\n")->location, "?q");
}

TEST(Response, ContentRangeIsReadWholeOrNotAtAll) {
    const auto part = tools::parse_content_range("bytes 3-5/10");
    ASSERT_TRUE(part);
    EXPECT_EQ(part->first, 3u);
    EXPECT_EQ(part->last, 5u);
    EXPECT_EQ(part->complete, 10u);
    EXPECT_EQ(tools::parse_content_range("bytes */10")->complete, 10u);
    EXPECT_FALSE(tools::parse_content_range("bytes */10")->first);
    EXPECT_FALSE(tools::parse_content_range("Bytes 3-5/*")->complete);
    for (const char* bad : {"", "bytes", "bytes 3-5", "bytes 5-3/10", "bytes 3-10/10", "bytes x/10",
                            "lines 3-5/10", "bytes 3-/10", "bytes 3-5/x"}) {
        EXPECT_FALSE(tools::parse_content_range(bad)) << bad;
    }
}

}  // namespace
}  // namespace tern::test
