// Boost.Beast on our streams, and the file server and the client of the command tern.
#include <filesystem>
#include <fstream>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "http/client.hh"
#include "http/files.hh"
#include "http/server.hh"
#include "sockets/two_hosts.hh"
#include "text.hh"

namespace tern::test {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace fs = std::filesystem;
using Response = http::response<http::string_body>;

struct Http : TwoHosts {
    Http() {
        std::string name = (fs::temp_directory_path() / "tern-test-XXXXXX").string();
        root = ::mkdtemp(name.data());
        big.resize(10'000'000);
        for (std::size_t i = 0; i < big.size(); ++i) {
            big[i] = static_cast<char>(i * 7 + i / 253 + i / 65521);
        }
        write("big.bin", big);
        write("small.txt", "0123456789");
        write("a&<b>.txt", "odd");
        fs::create_directory(root / "folder");
        write("folder/index.html", "<p>index</p>");
        fs::create_directory(root / "plain");
        fs::create_directory_symlink("/etc", root / "outside");
    }
    ~Http() override { fs::remove_all(root); }
    void write(const std::string& name, const std::string& content) {
        std::ofstream(root / name, std::ios::binary) << content;
    }
    void serve(bool one_request = false) {
        tools::ServerOptions options;
        options.root = root;
        options.listen = on_port(80);
        options.listen.fast_open = 10;
        options.one_request = one_request;
        server.emplace(*b, std::move(options),
                       [this](const tools::AccessRecord& r) { log.push_back(r); });
    }
    // Beast as it is, one connection for all requests; stops the server at the end.
    std::vector<Response> fetch_all(std::vector<http::request<http::empty_body>> requests) {
        std::vector<Response> responses;
        spawn([&]() -> net::awaitable<void> {
            asio::tcp_stream s{*a};
            co_await s.async_connect(to_b(80), net::use_awaitable);
            beast::flat_buffer buffer;
            for (auto& request : requests) {
                error_code error;
                co_await http::async_write(s, request, into(error));
                http::response_parser<http::string_body> parser;
                parser.body_limit(boost::none);
                parser.skip(request.method() == http::verb::head);
                if (!error) co_await http::async_read(s, buffer, parser, into(error));
                if (error) break;
                responses.push_back(parser.release());
            }
            server->stop();
        });
        run();
        return responses;
    }
    Response fetch(const std::string& target, http::field field = http::field::host,
                   const std::string& value = "10.0.0.2") {
        http::request<http::empty_body> request{http::verb::get, target, 11};
        request.set(field, value);
        auto all = fetch_all({request});
        return all.empty() ? Response{} : std::move(all.front());
    }

    fs::path root;
    std::string big;
    std::optional<tools::HttpServer> server;
    std::vector<tools::AccessRecord> log;
};

TEST_F(Http, BeastFetchesTenMegabytes) {
    serve();
    const Response r = fetch("/big.bin");
    EXPECT_EQ(r.result_int(), 200u);
    EXPECT_TRUE(r.body() == big);
    EXPECT_EQ(r[http::field::accept_ranges], "bytes");
    ASSERT_EQ(log.size(), 1u);
    EXPECT_EQ(log[0].bytes, big.size());
    EXPECT_TRUE(log[0].complete);
}

TEST_F(Http, OneConnectionCarriesManyRequests) {
    serve();
    std::vector<http::request<http::empty_body>> requests;
    for (int i = 0; i < 50; ++i) {
        requests.push_back({http::verb::get, i % 2 == 0 ? "/small.txt" : "/nothing", 11});
    }
    const auto responses = fetch_all(requests);
    ASSERT_EQ(responses.size(), 50u);
    EXPECT_EQ(responses[0].body(), "0123456789");
    EXPECT_EQ(responses[1].result_int(), 404u);
    EXPECT_EQ(server->totals().connections, 1u);
    EXPECT_EQ(server->totals().requests, 50u);
}

TEST_F(Http, OneRequestAConnectionWhenAskedFor) {
    serve(true);
    const auto responses =
        fetch_all({{http::verb::get, "/small.txt", 11}, {http::verb::get, "/small.txt", 11}});
    ASSERT_EQ(responses.size(), 1u);
    EXPECT_FALSE(responses[0].keep_alive());
}

TEST_F(Http, HeadHasNoBodyAndTheSameHeader) {
    serve();
    const auto responses = fetch_all({{http::verb::head, "/small.txt", 11},
                                      {http::verb::get, "/small.txt", 11},
                                      {http::verb::post, "/small.txt", 11}});
    ASSERT_EQ(responses.size(), 3u);
    EXPECT_EQ(responses[0].body(), "");
    EXPECT_EQ(responses[0][http::field::content_length], "10");
    EXPECT_EQ(responses[0][http::field::etag], responses[1][http::field::etag]);
    EXPECT_EQ(responses[2].result_int(), 405u);
    EXPECT_EQ(responses[2][http::field::allow], "GET, HEAD");
}

TEST_F(Http, APartIsServed) {
    serve();
    const Response r = fetch("/small.txt", http::field::range, "bytes=3-5");
    EXPECT_EQ(r.result_int(), 206u);
    EXPECT_EQ(r.body(), "345");
    EXPECT_EQ(r[http::field::content_range], "bytes 3-5/10");
}

TEST_F(Http, ARangeBehindTheEndIsToldSo) {
    serve();
    const Response r = fetch("/small.txt", http::field::range, "bytes=10-");
    EXPECT_EQ(r.result_int(), 416u);
    EXPECT_EQ(r[http::field::content_range], "bytes */10");
}

TEST_F(Http, WhatHasNotChangedIsNotSentAgain) {
    serve();
    const std::string now = tools::http_date(wall_clock_now() / 1'000'000'000 + 10);
    EXPECT_EQ(fetch("/small.txt", http::field::if_modified_since, now).result_int(), 304u);
}

TEST_F(Http, DirectoriesAreListedAndEscaped) {
    serve();
    const Response r = fetch("/");
    EXPECT_EQ(r.result_int(), 200u);
    EXPECT_NE(r.body().find("a&amp;&lt;b&gt;.txt"), std::string::npos);
    EXPECT_NE(r.body().find("href=\"./a%26%3Cb%3E.txt\""), std::string::npos);
    EXPECT_EQ(r.body().find("<b>"), std::string::npos);
}

TEST_F(Http, ADirectoryWithoutItsSlashIsRedirectedAndItsIndexServed) {
    serve();
    const auto responses =
        fetch_all({{http::verb::get, "/folder", 11}, {http::verb::get, "/folder/", 11}});
    ASSERT_EQ(responses.size(), 2u);
    EXPECT_EQ(responses[0].result_int(), 301u);
    EXPECT_EQ(responses[0][http::field::location], "/folder/");
    EXPECT_EQ(responses[1].body(), "<p>index</p>");
}

TEST_F(Http, NothingOutsideOfTheRootIsServed) {
    serve();
    std::vector<http::request<http::empty_body>> requests;
    for (const char* target : {"/../etc/passwd", "/%2e%2e/etc/passwd", "/outside/passwd",
                               "//etc/passwd", "/folder/../../etc/passwd", "/%00", "/%zz", "nix"}) {
        requests.push_back({http::verb::get, target, 11});
    }
    const auto responses = fetch_all(requests);
    ASSERT_EQ(responses.size(), requests.size());
    for (const Response& r : responses) {
        EXPECT_GE(r.result_int(), 400u);
        EXPECT_LT(r.result_int(), 405u);
    }
}

TEST_F(Http, WhatIsNoRequestIsRefused) {
    serve();
    std::string answer;
    spawn([&]() -> net::awaitable<void> {
        asio::tcp_stream s{*a};
        co_await s.async_connect(to_b(80), net::use_awaitable);
        const std::string text = "no HTTP at all\r\n\r\n";
        co_await s.async_write_some(net::buffer(text), net::use_awaitable);
        s.shutdown(net::socket_base::shutdown_send);
        while (Slice slice = co_await s.async_receive(net::use_awaitable)) {
            for (std::byte c : slice.bytes()) answer += static_cast<char>(c);
        }
        server->stop();
    });
    run();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
}

TEST_F(Http, TheClientGoesOnWhereItStopped) {
    serve();
    tools::FetchOptions options;
    options.url = *tools::parse_url("http://10.0.0.2/big.bin");
    options.offset = 4'000'000;
    tools::FetchResult result;
    std::string got;
    tools::Fetch fetching{*a,
                          options,
                          {[](const tools::FetchHead& head) { return head.partial; },
                           [&](std::span<const char> bytes) {
                               got.append(bytes.data(), bytes.size());
                               return true;
                           }},
                          [&](tools::FetchResult r) {
                              result = std::move(r);
                              server->stop();
                          }};
    run();
    EXPECT_EQ(result.code, tools::k_ok) << result.error;
    EXPECT_EQ(result.head.complete, big.size());
    EXPECT_TRUE(got == big.substr(4'000'000));
}

// RFC 7413: the first connection brings a cookie, and the request of the next one goes in SYN.
TEST_F(Http, TheClientSendsItsRequestInSyn) {
    serve();
    tools::FetchOptions options;
    options.url = *tools::parse_url("http://10.0.0.2/small.txt");
    options.connect.fast_open = true;
    std::string got;
    const auto body = [&](std::span<const char> bytes) {
        got.append(bytes.data(), bytes.size());
        return true;
    };
    const tools::FetchSink sink{[](const tools::FetchHead&) { return true; }, body};
    std::vector<tools::FetchResult> results;
    std::optional<tools::Fetch> second;
    const auto ended = [&](tools::FetchResult r) {
        results.push_back(std::move(r));
        server->stop();
    };
    const auto go_on = [&](tools::FetchResult r) {
        results.push_back(std::move(r));
        second.emplace(*a, options, sink, ended);
    };
    tools::Fetch first{*a, options, sink, go_on};
    run();
    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(results[0].code, tools::k_ok) << results[0].error;
    EXPECT_EQ(results[1].code, tools::k_ok) << results[1].error;
    EXPECT_FALSE(results[0].fast_open);
    EXPECT_TRUE(results[1].fast_open);
    EXPECT_EQ(got, "01234567890123456789");
}

TEST_F(Http, TheClientSaysWhatHelps) {
    tools::FetchOptions options;
    options.url = *tools::parse_url("http://10.0.0.2:81/");
    tools::FetchResult result;
    tools::Fetch fetching{*a, options, {}, [&](tools::FetchResult r) { result = std::move(r); }};
    run();
    EXPECT_EQ(result.code, tools::k_cannot_connect);
    EXPECT_NE(result.error.find("is the server running?"), std::string::npos) << result.error;
}

TEST(Url, NeedsAnAddressForNow) {
    const auto url = tools::parse_url("http://10.0.0.1:8080/a/b?c=d#e");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->server.to_string(), "10.0.0.1:8080");
    EXPECT_EQ(url->target, "/a/b?c=d");
    EXPECT_EQ(tools::resolve_url(*url, "x")->target, "/a/x");
    EXPECT_EQ(tools::resolve_url(*url, "/x")->target, "/x");
    for (const char* text : {"http://example.org/", "https://10.0.0.1/", "ftp://10.0.0.1/",
                             "http://10.0.0.1:0/", "http://10.0.0.1:99999/", "http://[::1", ""}) {
        EXPECT_FALSE(tools::parse_url(text)) << text;
    }
}

TEST(Range, OfRfc9110) {
    using tools::RangeAnswer;
    tools::ByteRange r;
    EXPECT_EQ(tools::parse_range("bytes=0-0", 10, r), RangeAnswer::Part);
    EXPECT_EQ(r.length, 1u);
    EXPECT_EQ(tools::parse_range("bytes=-3", 10, r), RangeAnswer::Part);
    EXPECT_EQ(r.first, 7u);
    EXPECT_EQ(tools::parse_range("bytes=5-999", 10, r), RangeAnswer::Part);
    EXPECT_EQ(r.length, 5u);
    EXPECT_EQ(tools::parse_range("bytes=-99", 10, r), RangeAnswer::Part);
    EXPECT_EQ(r.length, 10u);
    for (const char* bad : {"bytes=10-", "bytes=-0"}) {
        EXPECT_EQ(tools::parse_range(bad, 10, r), RangeAnswer::Unsatisfiable) << bad;
    }
    for (const char* odd : {"bytes=5-4", "bytes=1-2,4-5", "lines=1-2", "bytes=x-", "bytes=1",
                            "bytes=99999999999999999999-", "bytes=", "bytes=-"}) {
        EXPECT_EQ(tools::parse_range(odd, 10, r), RangeAnswer::Whole) << odd;
    }
}

}  // namespace
}  // namespace tern::test
