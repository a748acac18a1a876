// tern get URL: an HTTP client on the stack.
#include <cerrno>
#include <csignal>
#include <cstdio>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/asio/signal_set.hpp>

#include "commands.hh"
#include "exit_code.hh"
#include "http/client.hh"
#include "net_options.hh"
#include "progress.hh"
#include "text.hh"

namespace tern::tools {

namespace net = boost::asio;

namespace {

struct GetOptions {
    std::string url, output;
    bool resume = false, json = false, quiet = false, progress = false, fast_open = false;
    double connect_timeout = 15, stall_timeout = 60;
    unsigned redirects = 5;
    NetOptions net;
};

[[noreturn]] void stop(ExitCode code, const std::string& why) {
    if (!why.empty()) fmt::print(stderr, "tern get: {}\n", printable(why));
    throw CLI::RuntimeError(code);
}

// Where the body goes. Opened late, so that an error page overwrites no file.
class Output {
public:
    // With "-" the data have standard output for themselves: what the command reports goes to
    // standard error from now on.
    explicit Output(std::string name) : name_(std::move(name)) {
        if (!standard()) return;
        std::fflush(stdout);
        data_ = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        ::dup2(STDERR_FILENO, STDOUT_FILENO);
    }
    ~Output() {
        if (fd_ > STDERR_FILENO) ::close(fd_);
        if (data_ >= 0 && data_ != fd_) ::close(data_);
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    bool standard() const { return name_ == "-"; }
    const std::string& name() const { return name_; }
    u64 size_now() const {
        struct stat facts {};
        return ::stat(name_.c_str(), &facts) == 0 && S_ISREG(facts.st_mode)
                   ? static_cast<u64>(facts.st_size)
                   : 0;
    }
    bool open(bool append) {
        if (standard()) {
            fd_ = data_;
            return true;
        }
        const int how = O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC);
        fd_ = ::open(name_.c_str(), how, 0644);
        return fd_ >= 0 || fail();
    }
    bool write(std::span<const char> bytes) {
        while (!bytes.empty()) {
            const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return fail();
            bytes = bytes.subspan(static_cast<std::size_t>(n));
        }
        return true;
    }
    const std::string& error() const { return error_; }

private:
    bool fail() {
        error_ = name_ + ": " + file_trouble(errno);
        return false;
    }
    std::string name_, error_;
    int fd_ = -1;
    int data_ = -1;  // a copy of standard output, for "-"
};

std::string name_from(const Url& url) {
    const std::string path = url.target.substr(0, url.target.find('?'));
    std::string name = url_decode(path.substr(path.rfind('/') + 1)).value_or("");
    // A decoded slash must not lead out of this directory.
    if (name.empty() || name.contains('/') || name == "." || name == "..") return "index.html";
    return name;
}

void report(const GetOptions& o, const Url& url, const FetchResult& r, const Output& output,
            u64 offset) {
    if (o.json) {
        fmt::print(
            "{{\"url\":{},\"file\":{},\"status\":{},\"bytes\":{},\"offset\":{},"
            "\"seconds\":{:.6f},\"connect_seconds\":{:.6f},\"fast_open\":{},\"exit\":{},\"error\":{"
            "}}}\n",
            json_string(url.text), json_string(output.name()), r.head.status, r.bytes, offset,
            seconds_of(r.total_time), seconds_of(r.connect_time), r.fast_open,
            static_cast<int>(r.code), json_string(r.error));
        return;
    }
    if (r.code != k_ok || o.quiet) return;
    if (r.head.empty) {
        fmt::print("{}: {} {}: there is nothing to store\n", printable(url.text), r.head.status,
                   printable(r.head.reason));
        return;
    }
    if (output.standard()) return;
    fmt::print("{}: {}{} in {}, {}\n", printable(output.name()), human_bytes(r.bytes),
               offset != 0 ? fmt::format(" more (from byte {})", offset) : "",
               human_time(r.total_time), human_rate(r.bytes, r.total_time));
}

// One transfer with its redirections.
class Get {
public:
    Get(const GetOptions& o, Url url, net::io_context& io, asio::context& context)
        : o_(o), links_(o.net.links.links()), url_(std::move(url)), context_(context),
          output_(o.output.empty() ? name_from(url_) : o.output),
          progress_(output_.name(), o.quiet || o.json ? Progress::When::Never
                                    : o.progress      ? Progress::When::Always
                                                      : Progress::When::Terminal),
          signals_(io, SIGINT, SIGTERM) {
        if (o.resume && !output_.standard()) offset_ = output_.size_now();
        signals_.async_wait([this](const boost::system::error_code& error, int) {
            if (!error && fetch_) fetch_->cancel();
        });
        context.on_link_lost([this](std::size_t link) { on_link_lost(link); });
        start();
    }
    FetchResult& result() { return result_; }
    const Output& output() const { return output_; }
    const Url& url() const { return url_; }
    u64 offset() const { return offset_; }

private:
    // Another link than the one that the connection leaves by does not matter to it.
    void on_link_lost(std::size_t link) {
        const bool ours = fetch_ && links_[link].has(fetch_->local().address);
        if (!ours && !context_.runtime().all_links_lost()) return;
        lost_text_ = context_.runtime().link_lost_text(link);
        if (fetch_) fetch_->cancel();
    }
    void start() {
        FetchOptions f;
        f.url = url_;
        f.offset = offset_;
        f.connect.options = o_.net.tcp();
        f.connect.fast_open = o_.fast_open;
        f.connect_timeout = Duration{static_cast<i64>(o_.connect_timeout * 1e9)};
        f.stall_timeout = Duration{static_cast<i64>(o_.stall_timeout * 1e9)};
        FetchSink sink{[this](const FetchHead& h) { return on_head(h); },
                       [this](std::span<const char> bytes) { return on_body(bytes); }};
        fetch_.emplace(context_, std::move(f), std::move(sink),
                       [this](FetchResult r) { on_done(std::move(r)); });
    }
    bool on_head(const FetchHead& head) {
        if (!carries_file(head)) return false;
        if (offset_ != 0 && !head.partial) {
            if (!o_.quiet) fmt::print(stderr, "tern get: no ranges here, starting over\n");
            offset_ = 0;
        }
        if (!output_.open(offset_ != 0)) return false;
        std::optional<u64> total = head.length;
        if (total) *total += offset_;
        progress_.start(context_.runtime().now(), offset_, total);
        received_ = offset_;
        return true;
    }
    bool on_body(std::span<const char> bytes) {
        received_ += bytes.size();
        progress_.update(context_.runtime().now(), received_);
        return output_.write(bytes);
    }
    // 2xx with content, and the part of it that was asked for.
    bool carries_file(const FetchHead& head) const {
        if (head.status / 100 != 2 || head.empty) return false;
        return !head.partial || head.first == offset_;
    }
    void on_done(FetchResult r) {
        progress_.clear();
        const unsigned status = r.head.status;
        const bool moved =
            status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
        if (r.code == k_ok && moved && r.head.location) {
            auto next = resolve_url(url_, *r.head.location);
            if (next && redirects_++ < o_.redirects) {
                url_ = std::move(*next);
                return start();
            }
            r.code = k_http_status;
            r.error = next ? fmt::format(
                                 "{}: {} again after {} redirections; --redirects allows "
                                 "more",
                                 url_.text, status, o_.redirects)
                           : "redirected to " + next.error();
        } else if (r.code == k_ok && moved) {
            r.code = k_http_status;
            r.error = fmt::format("{}: {} {}, and no Location says where to", url_.text, status,
                                  r.head.reason);
        }
        judge(r);
        if (!lost_text_.empty() && r.code != k_ok) {
            r.code = k_cannot_connect;
            r.error = lost_text_;
        }
        result_ = std::move(r);
        signals_.cancel();
    }
    void judge(FetchResult& r) {
        if (!output_.error().empty()) {
            r.code = k_transfer;
            r.error = output_.error();
        }
        if (r.code != k_ok) return;
        const FetchHead& head = r.head;
        if (head.status == 416 && offset_ != 0 && head.complete == offset_) {
            r.bytes = 0;  // all of it is here already
        } else if (head.status == 416 && offset_ != 0) {
            r.code = k_http_status;
            r.error = fmt::format(
                "{} has {} bytes, which is not the beginning of this file: "
                "remove it, or go without --resume",
                output_.name(), offset_);
        } else if (head.partial && head.first != offset_) {
            r.code = k_transfer;
            r.error = "the server sent another range than the one asked for";
        } else if (head.partial && head.complete && head.last && *head.last + 1 < *head.complete) {
            r.code = k_transfer;
            r.error = fmt::format("the server sent {} of {} bytes: try --resume", *head.last + 1,
                                  *head.complete);
        } else if (head.status / 100 != 2) {
            r.code = k_http_status;
            r.error = fmt::format("{}: {} {}", url_.text, head.status, head.reason);
        }
    }

    const GetOptions& o_;
    std::vector<LinkOptions> links_;
    Url url_;
    asio::context& context_;
    Output output_;
    Progress progress_;
    net::signal_set signals_;
    std::optional<Fetch> fetch_;
    FetchResult result_;
    u64 offset_ = 0, received_ = 0;
    unsigned redirects_ = 0;
    std::string lost_text_;  // of the link that this transfer needs
};

void get(const GetOptions& o) {
    auto url = parse_url(o.url);
    if (!url) stop(k_usage, url.error());
    Observation observation{o.net.observe, Observation::Side::Client};
    net::io_context io{1};
    asio::context context{io, o.net.config(observation.observer())};
    observation.name_links(context.runtime());
    Get transfer{o, *url, io, context};
    io.run();  // ends when the connection is closed as well
    const FetchResult& r = transfer.result();
    report(o, transfer.url(), r, transfer.output(), transfer.offset());
    observation.tell(&context.stack(), o.json);
    if (r.code != k_ok) stop(r.code, o.json ? "" : r.error);
}

}  // namespace

void add_get(CLI::App& app) {
    auto o = std::make_shared<GetOptions>();
    CLI::App* c = app.add_subcommand("get", "fetch a file over HTTP, on our own stack");
    c->add_option("url", o->url, "http://ADDRESS[:PORT]/PATH")->required();
    c->add_option("-o,--output", o->output,
                  "file to write; - is standard output, and reports go to standard error");
    c->add_flag("--resume", o->resume, "go on behind what the file holds already");
    c->add_flag("--progress", o->progress, "a bar even if this is no terminal");
    c->add_flag("--json", o->json, "the result as a JSON object");
    c->add_flag("--quiet", o->quiet, "nothing but errors");
    c->add_option("--connect-timeout", o->connect_timeout, "seconds")
        ->capture_default_str()
        ->check(CLI::Range(0.001, 86400.0));
    c->add_option("--stall-timeout", o->stall_timeout, "seconds without a single byte")
        ->capture_default_str()
        ->check(CLI::Range(0.001, 86400.0));
    c->add_flag(
        "--fast-open", o->fast_open,
        "TCP Fast Open (RFC 7413): ask the server for a cookie, and send the request in SYN "
        "when a connection before, as to a redirection, has brought one");
    c->add_option("--redirects", o->redirects, "how many to follow")->capture_default_str();
    o->net.add_to(*c);
    c->footer(
        "Examples:\n"
        "  tern get http://10.0.0.1:8000/big.iso --link tap:tern0\n"
        "  tern get http://10.0.0.1:8000/big.iso --resume\n"
        "Exit codes: 0 well, 2 wrong usage, 3 cannot connect, 4 HTTP error status,\n"
        "5 transfer failed, 130 interrupted.");
    c->callback([o] { get(*o); });
}

}  // namespace tern::tools
