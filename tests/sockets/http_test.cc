// Boost.Beast on our streams, and the file server and the client of the command tern.
#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "http/client.hh"
#include "http/files.hh"
#include "http/server.hh"
#include "sockets/two_hosts.hh"
#include "support/covers.hh"
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
        options.one_request = one_request;
        serve(options);
    }
    void serve(tools::ServerOptions options) {
        options.root = root;
        options.listen = on_port(80);
        options.listen.fast_open = 10;
        options.listen.reuse_address = true;
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
                request.set(http::field::host, "10.0.0.2");
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
        request.set(field, value);  // a Host of its own is set later
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

// A listing names what would be served: nothing of where a link out of the root leads, which is
// not there for an answer either, whether it exists or not.
TEST_F(Http, NothingIsToldOfWhatLiesOutside) {
    fs::create_symlink("/etc/passwd", root / "leak.txt");
    fs::create_symlink("/no/such/file", root / "dangling.txt");
    fs::create_symlink("small.txt", root / "inside.txt");
    fs::create_directory_symlink("folder", root / "inner");
    ASSERT_EQ(::mkfifo((root / "pipe").c_str(), 0600), 0);
    serve();
    std::vector<http::request<http::empty_body>> requests{{http::verb::get, "/", 11}};
    for (const char* target : {"/leak.txt", "/dangling.txt", "/outside/", "/outside/passwd",
                               "/outside/no-such-file", "/outside", "/nothing"}) {
        requests.push_back({http::verb::get, target, 11});
    }
    const auto responses = fetch_all(requests);
    ASSERT_EQ(responses.size(), requests.size());
    const std::string& page = responses[0].body();
    for (const char* name : {"leak.txt", "dangling.txt", "outside", "pipe"}) {
        EXPECT_EQ(page.find(name), std::string::npos) << name << page;
    }
    EXPECT_NE(page.find("inside.txt</a></td><td>10 B"), std::string::npos) << page;
    EXPECT_NE(page.find("inner/</a>"), std::string::npos) << page;
    for (std::size_t i = 1; i < responses.size(); ++i) {
        EXPECT_EQ(responses[i].result_int(), 404u) << requests[i].target();
    }
}

TEST_F(Http, WhatMayNotBeReadIsForbidden) {
    fs::permissions(root, fs::perms{0755});
    fs::create_directory(root / "closed");
    write("closed/x.txt", "x");
    write("closed.txt", "x");
    fs::permissions(root / "closed", fs::perms::none);
    fs::permissions(root / "closed.txt", fs::perms::none);
    const uid_t before = ::geteuid();
    // Root may read everything.
    if (before == 0) {
        ASSERT_EQ(::seteuid(65534), 0);
    }
    serve();
    const auto responses = fetch_all({{http::verb::get, "/closed/", 11},
                                      {http::verb::get, "/closed.txt", 11},
                                      {http::verb::get, "/closed/x.txt", 11},
                                      {http::verb::get, "/small.txt", 11}});
    if (before == 0) {
        ASSERT_EQ(::seteuid(before), 0);
    }
    fs::permissions(root / "closed", fs::perms{0700});
    ASSERT_EQ(responses.size(), 4u);
    EXPECT_EQ(responses[0].result_int(), 403u);
    EXPECT_EQ(responses[1].result_int(), 403u);
    EXPECT_EQ(responses[2].result_int(), 403u);
    EXPECT_EQ(responses[3].result_int(), 200u);
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

// What a stream still brings, up to its end or its reset.
net::awaitable<std::string> read_all(asio::tcp_stream& s) {
    std::string answer;
    for (;;) {
        error_code error;
        const Slice slice = co_await s.async_receive(into(error));
        if (error || !slice) co_return answer;
        for (const std::byte c : slice.bytes()) answer += static_cast<char>(c);
    }
}

struct RawHttp : Http {
    // Says these bytes, and that it has nothing more to say; gives all of the answer.
    std::string say(std::string text, bool finish = true) {
        std::string answer;
        spawn([&]() -> net::awaitable<void> {
            asio::tcp_stream s{*a};
            co_await s.async_connect(to_b(80), net::use_awaitable);
            co_await s.async_write_some(net::buffer(text), net::use_awaitable);
            if (finish) s.shutdown(net::socket_base::shutdown_send);
            answer = co_await read_all(s);
            server->stop();
        });
        run();
        return answer;
    }
    static bool says(const std::string& answer, unsigned status) {
        return answer.starts_with("HTTP/1.1 " + std::to_string(status) + " ");
    }
};

TEST_F(RawHttp, WhatIsNoRequestIsRefused) {
    struct {
        std::string text;
        unsigned status;
        bool finish = true;
    } const rows[] = {
        {"no HTTP at all\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400, false},
        {"GET / HTTP/9.9\r\n\r\n", 505, false},
        {"GET / HT", 400},
        // A client of TLS waits for an answer: it gets one at once.
        {"\x16\x03\x01", 400, false},
        {"GET /" + std::string(20'000, 'a'), 414, false},
        {"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + std::string(20'000, 'a'), 431, false},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", 405},
    };
    for (const auto& row : rows) {
        serve();
        const std::string answer = say(row.text, row.finish);
        EXPECT_TRUE(says(answer, row.status)) << row.text.substr(0, 60) << "\n" << answer;
        ASSERT_FALSE(log.empty());
        EXPECT_EQ(log.back().status, row.status);
        EXPECT_GT(log.back().time, 0);
    }
}

TEST_F(RawHttp, EmptyLinesAndAbsoluteTargetsAreTaken) {
    serve();
    const std::string answer =
        say("\r\n\nGET http://10.0.0.2/small.txt HTTP/1.1\r\nHost: 10.0.0.2\r\n\r\n"
            "\r\nGET /small.txt HTTP/1.0\n\n");
    EXPECT_TRUE(says(answer, 200)) << answer;
    EXPECT_NE(answer.find("\r\n\r\n0123456789HTTP/1.0 200 OK\r\n"), std::string::npos) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n0123456789")) << answer;
}

// A head has its time as a whole: bytes that trickle do not prolong it.
TEST_F(RawHttp, ARequestThatDoesNotBecomeWholeIsGivenUp) {
    covers({"VULN:slow-read"});
    for (const std::string before : {"", "GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n"}) {
        tools::ServerOptions options;
        options.head = std::chrono::milliseconds(50);
        serve(options);
        const std::string answer = say(before + "GET / HTTP/1.1\r\nX: ", false);
        EXPECT_NE(answer.find("HTTP/1.1 408 "), std::string::npos) << answer;
    }
}

// The same by a trickle without end: a byte after every turn of the other side.
TEST_F(RawHttp, ATrickleDoesNotKeepARequestAlive) {
    tools::ServerOptions options;
    options.head = std::chrono::milliseconds(50);
    serve(options);
    bool ended = false;
    std::string answer;
    std::optional<asio::tcp_stream> s(std::in_place, *a);
    spawn([&]() -> net::awaitable<void> {
        co_await s->async_connect(to_b(80), net::use_awaitable);
        net::co_spawn(
            io,
            [&]() -> net::awaitable<void> {
                error_code error;
                while (!ended && !error) {
                    co_await s->async_write_some(net::buffer("a", 1), into(error));
                    co_await net::post(io, net::use_awaitable);
                }
            },
            net::detached);
        answer = co_await read_all(*s);
        ended = true;
        server->stop();
    });
    run();
    // The limit on its bytes may have come first.
    EXPECT_TRUE(says(answer, 408) || says(answer, 414)) << answer;
}

// A client that takes nothing is given up, and its bytes leave the stack.
TEST_F(RawHttp, AnAnswerThatNobodyTakesIsGivenUp) {
    tools::ServerOptions options;
    options.idle = std::chrono::milliseconds(50);
    serve(options);
    spawn([&]() -> net::awaitable<void> {
        asio::tcp_stream s{*a};
        co_await s.async_connect(to_b(80), net::use_awaitable);
        const std::string text = "GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n";
        co_await s.async_write_some(net::buffer(text), net::use_awaitable);
        while (log.empty()) co_await net::post(io, net::use_awaitable);
        server->stop();
    });
    run();
    ASSERT_EQ(log.size(), 1u);
    EXPECT_FALSE(log[0].complete);
    EXPECT_NE(log[0].why.find("took nothing"), std::string::npos) << log[0].why;
    EXPECT_EQ(b->stack().tcp().count().connections, 0u);
}

// Slow readers fill every session; one more client is served at their
// expense, and the one among them that moves is spared.
TEST_F(RawHttp, AtTheLimitTheSlowestMakesRoom) {
    covers({"VULN:slow-read"});
    tools::ServerOptions options;
    options.sessions = 3;
    serve(options);
    const std::string for_big = "GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n";
    std::string got;
    spawn([&]() -> net::awaitable<void> {
        std::vector<asio::tcp_stream> lazy;
        for (int i = 0; i < 2; ++i) {
            lazy.emplace_back(*a);
            co_await lazy.back().async_connect(to_b(80), net::use_awaitable);
            co_await lazy.back().async_write_some(net::buffer(for_big), net::use_awaitable);
        }
        asio::tcp_stream busy{*a};
        co_await busy.async_connect(to_b(80), net::use_awaitable);
        co_await busy.async_write_some(net::buffer(for_big), net::use_awaitable);
        std::size_t taken = 0;
        while (taken < 8'000'000) taken += (co_await busy.async_receive(net::use_awaitable)).size();
        asio::tcp_stream late{*a};
        co_await late.async_connect(to_b(80), net::use_awaitable);
        const std::string small = "GET /small.txt HTTP/1.0\r\n\r\n";
        co_await late.async_write_some(net::buffer(small), net::use_awaitable);
        got = co_await read_all(late);
        EXPECT_EQ(server->totals().evicted, 1u);
        std::size_t more = 0;
        while (taken + more < 10'000'000) {
            const Slice slice = co_await busy.async_receive(net::use_awaitable);
            if (!slice) break;
            more += slice.size();
        }
        EXPECT_GE(taken + more, 10'000'000u) << "the one that moves was ended";
        server->stop();
    });
    run();
    EXPECT_TRUE(got.ends_with("0123456789")) << got;
}

// Of two that are idle, the one that has been so for longer goes, before one that asks.
TEST_F(RawHttp, AtTheLimitTheLongestIdleMakesRoom) {
    tools::ServerOptions options;
    options.sessions = 2;
    serve(options);
    const std::string ask = "GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n";
    spawn([&]() -> net::awaitable<void> {
        std::vector<asio::tcp_stream> clients;
        std::vector<std::string> ends(3);
        for (int i = 0; i < 3; ++i) {
            clients.emplace_back(*a);
            co_await clients.back().async_connect(to_b(80), net::use_awaitable);
            co_await clients.back().async_write_some(net::buffer(ask), net::use_awaitable);
            co_await clients.back().async_receive(net::use_awaitable);
        }
        EXPECT_EQ(server->totals().evicted, 1u);
        EXPECT_EQ(co_await read_all(clients[0]), "");  // FIN, and no reset
        for (int i = 1; i < 3; ++i) {
            co_await clients[static_cast<std::size_t>(i)].async_write_some(net::buffer(ask),
                                                                           net::use_awaitable);
            EXPECT_GT(
                (co_await clients[static_cast<std::size_t>(i)].async_receive(net::use_awaitable))
                    .size(),
                100u);
        }
        server->stop();
    });
    run();
}

TEST_F(RawHttp, ThreeThousandIdleSessionsTakeLittle) {
    tools::ServerOptions options;
    serve(options);
    constexpr u64 k_count = 3000;
    const std::string ask = "GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n";
    spawn([&]() -> net::awaitable<void> {
        std::vector<asio::tcp_stream> clients;
        for (u64 i = 0; i < k_count; ++i) {
            clients.emplace_back(*a);
            co_await clients.back().async_connect(to_b(80), net::use_awaitable);
            co_await clients.back().async_write_some(net::buffer(ask), net::use_awaitable);
            co_await clients.back().async_receive(net::use_awaitable);
        }
        EXPECT_EQ(server->totals().open, k_count);
        EXPECT_EQ(server->totals().evicted, 0u);
        // Each is charged what it takes by itself, and no head or answer any more.
        EXPECT_LE(server->totals().heap, k_count * 4096);
        EXPECT_LE(server->totals().heap, options.heap());
        server->stop();
    });
    run(std::chrono::seconds(120));
}

// Servers that do what they like: what they say, and what becomes of it.
struct Zoo : TwoHosts {
    tools::FetchResult fetch(std::string text, bool hang = false) {
        got.clear();
        ListenOptions listen = on_port(80);
        listen.reuse_address = true;
        asio::tcp_acceptor acceptor{*b, listen};
        std::optional<asio::tcp_stream> held;
        spawn([&]() -> net::awaitable<void> {
            held.emplace(co_await acceptor.async_accept(net::use_awaitable));
            co_await held->async_receive(net::use_awaitable);
            std::string_view rest = text;
            error_code error;
            while (!rest.empty() && !error) {
                const std::size_t n = co_await held->async_write_some(
                    net::buffer(rest.data(), rest.size()), into(error));
                rest.remove_prefix(n);
            }
            if (!hang) held->close();
        });
        tools::FetchOptions options;
        options.url = *tools::parse_url("http://10.0.0.2/x");
        options.stall_timeout = hang ? std::chrono::milliseconds(50) : std::chrono::seconds(15);
        tools::FetchResult result;
        const auto body = [&](std::span<const char> bytes) {
            got.append(bytes.data(), bytes.size());
            return true;
        };
        tools::Fetch fetching{*a,
                              options,
                              {[](const tools::FetchHead&) { return true; }, body},
                              [&](tools::FetchResult r) {
                                  result = std::move(r);
                                  held.reset();
                              }};
        run();
        return result;
    }
    std::string got;
};

TEST_F(Zoo, OfServersIsUnderstood) {
    const std::string ok = "HTTP/1.1 200 OK\r\n", five = "Content-Length: 5\r\n\r\nabcde";
    std::string hints;
    for (int i = 0; i < 100; ++i) hints += "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
    struct {
        std::string text;
        int code;
        unsigned status;
        std::string body;
    } const rows[] = {
        {ok + five, tools::k_ok, 200, "abcde"},
        {ok + five + "and more", tools::k_ok, 200, "abcde"},
        {"HTTP/1.1 100 Continue\r\n\r\n" + ok + five, tools::k_ok, 200, "abcde"},
        {hints + ok + five, tools::k_ok, 200, "abcde"},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n" + ok + five, tools::k_transfer, 0, ""},
        {"HTTP/1.1 200\r\n" + five, tools::k_ok, 200, "abcde"},
        {"HTTP/1.1 203 Other\r\n" + five, tools::k_ok, 203, "abcde"},
        {"HTTP/1.1 204 No Content\r\n\r\n", tools::k_ok, 204, ""},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", tools::k_ok, 304, ""},
        {ok + "X: " + std::string(60'000, 'x') + "\r\n" + five, tools::k_ok, 200, "abcde"},
        {ok + "X: " + std::string(70'000, 'x') + "\r\n" + five, tools::k_transfer, 0, ""},
        {ok + "\r\nup to the end", tools::k_ok, 200, "up to the end"},
        {ok + "Content-Length: 6\r\n\r\nabcde", tools::k_transfer, 200, "abcde"},
        {ok + "Content-Length: x\r\n\r\nabcde", tools::k_transfer, 0, ""},
        {chunked + "2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nA: b\r\n\r\n", tools::k_ok, 200, "abcde"},
        {chunked + "0\r\n\r\n", tools::k_ok, 200, ""},
        {chunked + "5\r\nabcde\r\n", tools::k_transfer, 200, "abcde"},
        {chunked + "five\r\nabcde\r\n0\r\n\r\n", tools::k_transfer, 200, ""},
        {chunked + std::string(70'000, '0'), tools::k_transfer, 200, ""},
        {ok + "Transfer-Encoding: gzip\r\n\r\nabc", tools::k_transfer, 0, ""},
        {"", tools::k_transfer, 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-", tools::k_transfer, 0, ""},
        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", tools::k_transfer, 0, ""},
    };
    for (const auto& row : rows) {
        const tools::FetchResult r = fetch(row.text);
        const std::string what = row.text.substr(0, 100) + "\n" + r.error;
        EXPECT_EQ(r.code, row.code) << what;
        EXPECT_EQ(r.head.status, row.status) << what;
        EXPECT_EQ(got, row.body) << what;
        EXPECT_EQ(r.error.empty(), row.code == tools::k_ok) << what;
    }
}

TEST_F(Zoo, OfInterimAnswersEnds) {
    std::string text;
    while (text.size() < 200'000) text += "HTTP/1.1 103 Early Hints\r\n\r\n";
    const tools::FetchResult r = fetch(text);
    EXPECT_EQ(r.code, tools::k_transfer);
    EXPECT_NE(r.error.find("longer than 64 KiB"), std::string::npos) << r.error;
}

// Silence ends it, wherever it sets in.
TEST_F(Zoo, ThatFallsSilentIsGivenUp) {
    for (const char* text :
         {"", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\nabc",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2"}) {
        const tools::FetchResult r = fetch(text, true);
        EXPECT_EQ(r.code, tools::k_transfer) << text;
        EXPECT_NE(r.error.find("--stall-timeout"), std::string::npos) << text << r.error;
        EXPECT_EQ(got, std::string_view{text}.contains("abc") ? "abc" : "") << text;
    }
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
