// tern demo wire: server and client, each on a stack of its own, joined by a wire in this process.
// What ./run falls back to where there is no TAP, and a quick look anywhere.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/core.h>
#include <openssl/evp.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "commands.hh"
#include "exit_code.hh"
#include "http/client.hh"
#include "http/server.hh"
#include "json.hh"
#include "net_options.hh"
#include "text.hh"

namespace tern::tools {

namespace net = boost::asio;

namespace {

constexpr u16 k_http_port = 80, k_echo_port = 7;

struct DemoOptions {
    u64 size = 200'000'000;
    u32 mtu = 1500;
    std::string impair;
    u64 seed = 0;
    bool json = false, no_offloads = false;
    ObserveOptions observe;
};

// A directory that is gone at the end.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "tern-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
        path_ = name;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

std::vector<char> random_bytes(u64 size) {
    std::vector<char> bytes((size + 7) / 8 * 8);
    u64 x = static_cast<u64>(wall_clock_now()) | 1;
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        std::memcpy(bytes.data() + i, &x, 8);
    }
    bytes.resize(size);
    return bytes;
}

std::string sha256(const std::vector<char>& bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr);
    std::string text;
    for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
}

class Demo {
public:
    Demo(const DemoOptions& o, Observation& observation)
        : o_(o), wire_(make_wire({.mtu = o.mtu, .offloads = !o.no_offloads})),
          server_side_(io_, config("10.0.0.2/24", std::move(wire_.first), observation.peer())),
          client_side_(io_,
                       config("10.0.0.1/24", std::move(wire_.second), observation.observer())) {}
    bool run();
    const Stack& client_stack() { return client_side_.stack(); }

private:
    RuntimeConfig config(std::string address, std::unique_ptr<Link> end, Observer* observer) {
        RuntimeConfig c;
        c.device = std::move(end);
        c.addresses = {std::move(address)};
        c.observer = observer;
        c.seed = o_.seed;
        if (o_.seed != 0) c.impair_seed = o_.seed;
        if (!o_.impair.empty()) {
            auto parsed = Impairment::parse(o_.impair);
            if (!parsed) throw RuntimeError(Error::InvalidArgument, "--impair " + parsed.error());
            c.outbound = *parsed;
        }
        return c;
    }
    net::awaitable<void> story();
    net::awaitable<void> transfer();
    net::awaitable<void> ping();
    net::awaitable<void> udp_exchange(asio::context& from, asio::context& to, std::string to_text);
    net::awaitable<void> udp_echo(asio::udp_socket& socket);
    void check(bool good, const std::string& what);

    const DemoOptions& o_;
    net::io_context io_{1};
    std::pair<std::unique_ptr<Link>, std::unique_ptr<Link>> wire_;
    asio::context server_side_, client_side_;
    TemporaryDirectory directory_;
    bool good_ = true;
};

void Demo::check(bool good, const std::string& what) {
    good_ = good_ && good;
    if (o_.json) {
        print_json({{"check", what}, {"good", good}});
    } else {
        fmt::print("{} {}\n", good ? "ok  " : "FAIL", what);
    }
}

net::awaitable<void> Demo::transfer() {
    const std::vector<char> sent = random_bytes(o_.size);
    std::ofstream(directory_.path() / "file", std::ios::binary)
        .write(sent.data(), static_cast<std::streamsize>(sent.size()));
    TcpOptions tcp;
    tcp.send_buffer = tcp.receive_buffer = 4u << 20;
    tcp.no_delay = true;
    ServerOptions options;
    options.root = directory_.path();
    options.listen.local.port = k_http_port;
    options.listen.options = tcp;
    HttpServer server{server_side_, std::move(options), [](const AccessRecord&) {}};

    std::vector<char> received;
    received.reserve(sent.size());
    net::steady_timer finished{io_, net::steady_timer::time_point::max()};
    FetchOptions fetch;
    fetch.url = *parse_url("http://10.0.0.2/file");
    fetch.connect.options = tcp;
    FetchResult result;
    FetchSink sink{[](const FetchHead& head) { return head.status == 200; },
                   [&](std::span<const char> bytes) {
                       received.insert(received.end(), bytes.begin(), bytes.end());
                       return true;
                   }};
    Fetch client{client_side_, std::move(fetch), std::move(sink), [&](FetchResult r) {
                     result = std::move(r);
                     finished.cancel();
                 }};
    boost::system::error_code ignored;
    co_await finished.async_wait(net::redirect_error(net::use_awaitable, ignored));
    check(result.code == k_ok,
          fmt::format("HTTP: {} in {}, {}{}", human_bytes(result.bytes),
                      human_time(result.total_time), human_rate(result.bytes, result.total_time),
                      result.error.empty() ? "" : ": " + result.error));
    const std::string hash = sha256(sent);
    check(received.size() == sent.size() && sha256(received) == hash, "sha256 " + hash);
}

net::awaitable<void> Demo::ping() {
    const std::vector<std::byte> data(56, std::byte{7});
    Stack& stack = client_side_.stack();
    const auto sent = stack.send_echo(Ipv4Address{10, 0, 0, 2}, 1, 1, data);
    client_side_.flush();
    bool answered = false;
    net::steady_timer timer{io_};
    for (int i = 0; i < 2000 && sent && !answered; ++i) {
        timer.expires_after(std::chrono::milliseconds(1));
        co_await timer.async_wait(net::use_awaitable);
        while (auto reply = stack.next_echo_reply()) answered |= reply->data.size() == data.size();
    }
    check(answered, "ping 10.0.0.2");
}

net::awaitable<void> Demo::udp_echo(asio::udp_socket& socket) {
    char bytes[2048];
    Endpoint from;
    boost::system::error_code error;
    for (;;) {
        const std::size_t n = co_await socket.async_receive_from(
            net::buffer(bytes), from, net::redirect_error(net::use_awaitable, error));
        if (error == net::error::operation_aborted) co_return;
        co_await socket.async_send_to(net::buffer(bytes, n), from,
                                      net::redirect_error(net::use_awaitable, error));
    }
}

net::awaitable<void> Demo::udp_exchange(asio::context& from, asio::context& to,
                                        std::string to_text) {
    UdpOptions echo_options;
    echo_options.local.port = k_echo_port;
    asio::udp_socket echo{to, echo_options};
    net::co_spawn(io_, udp_echo(echo), net::detached);
    asio::udp_socket socket{from, UdpOptions{}};
    const std::string text = "a tern crosses the world";
    const auto peer = Endpoint::parse(to_text);
    net::steady_timer timer{io_};
    std::string answer(2048, '\0');
    std::size_t n = 0;
    // A datagram may get lost, on an impaired wire as anywhere.
    for (int i = 0; i < 10 && n == 0; ++i) {
        boost::system::error_code error;
        co_await socket.async_send_to(net::buffer(text), peer,
                                      net::redirect_error(net::use_awaitable, error));
        timer.expires_after(std::chrono::seconds(1));
        timer.async_wait([&](const boost::system::error_code& e) {
            if (!e) socket.cancel();
        });
        Endpoint who;
        n = co_await socket.async_receive_from(net::buffer(answer), who,
                                               net::redirect_error(net::use_awaitable, error));
        timer.cancel();
    }
    check(answer.substr(0, n) == text, "UDP to " + to_text + " and back");
    echo.cancel();
    net::steady_timer moment{io_, std::chrono::milliseconds(1)};
    co_await moment.async_wait(net::use_awaitable);  // udp_echo() uses `echo` until it has ended
}

net::awaitable<void> Demo::story() {
    co_await transfer();
    co_await ping();
    co_await udp_exchange(client_side_, server_side_, "10.0.0.2:7");
    co_await udp_exchange(server_side_, client_side_, "10.0.0.1:7");
}

bool Demo::run() {
    net::co_spawn(io_, story(), [](const std::exception_ptr& e) {
        if (e) std::rethrow_exception(e);
    });
    io_.run();
    return good_;
}

void demo(const DemoOptions& o) {
    Observation observation{o.observe, Observation::Side::Client};
    if (!o.json) fmt::print("two stacks, one process, a wire between them: no kernel involved\n");
    Demo wire{o, observation};
    const bool good = wire.run();
    observation.tell(&wire.client_stack(), o.json);
    if (!good) throw CLI::RuntimeError(k_failed);
}

}  // namespace

void add_demo(CLI::App& app) {
    CLI::App* all = app.add_subcommand("demo", "what works without a device and without rights");
    all->require_subcommand(1);
    auto o = std::make_shared<DemoOptions>();
    CLI::App* c = all->add_subcommand("wire", "HTTP, ping and UDP between two stacks in a process");
    c->add_option("--size", o->size, "bytes to transfer")
        ->capture_default_str()
        ->transform(CLI::AsSizeValue(true));
    c->add_option("--mtu", o->mtu, "largest IP packet")
        ->capture_default_str()
        ->check(CLI::Range(68, 65535));
    c->add_option("--impair", o->impair, "a bad wire: loss=1%,delay=20ms,rate=100mbit, ...");
    c->add_option("--seed", o->seed, "repeats all chance")->check(whole_number());
    c->add_flag("--no-offloads", o->no_offloads, "real segments and checksums on the wire");
    c->add_flag("--json", o->json, "one JSON object a line");
    o->observe.add_to(*c);
    c->footer("Example:  tern demo wire --size 20MB --impair loss=1%,delay=5ms");
    c->callback([o] { demo(*o); });
}

}  // namespace tern::tools
