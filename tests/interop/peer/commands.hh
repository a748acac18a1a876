// The language of the tests: one command a line on standard input, one line of JSON back. A
// command that has to wait (accept, recv, wait ...) is tried again after every turn of the loop
// until it succeeds or its time is up; only then the next line is read.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "peer/conversation.hh"
#include "peer/host.hh"
#include "peer/words.hh"

namespace tern::peer {

class Commands {
public:
    explicit Commands(Host& host) : host_(&host) {}

    void take(const Event& event);
    // Answers a command that waited, as soon as it can; then obeys lines while none waits.
    void add_line(std::string line) { lines_.push_back(std::move(line)); }
    void work(Instant now);
    bool quit() const { return quit_; }
    Instant deadline() const { return waiting_ ? deadline_ : Instant::max(); }

private:
    struct Listening {
        TcpListener handle;
        Service service = Service::Hold;
        u64 bytes = 0;
        bool automatic = true;      // accepts by itself; otherwise when the test says so
        std::deque<u32> unclaimed;  // accepted conversations that no command has asked for
    };
    struct Port {
        UdpSocket handle;
        bool echo = false;
    };
    struct Total {
        u64 opened = 0, done = 0, received = 0, sent = 0;
        std::map<std::string, u64> errors;
    };
    // The answer, or nothing: not yet.
    using Try = std::function<std::optional<Reply>()>;

    void obey(const std::string& line, Instant now);
    void wait(const Words& w, Instant now, Try attempt);
    void answer(Reply reply);

    Reply listen(const Words& w);
    Reply close_listener(const Words& w);
    void accept(const Words& w, Instant now);
    Reply connect(const Words& w);
    void wait_bits(const Words& w, Instant now);
    void send(const Words& w, Instant now);
    void recv(const Words& w, Instant now);
    void read_once(const Words& w, Instant now);
    Reply urgent(const Words& w);
    Reply urgent_byte(const Words& w);
    Reply ending(const Words& w);
    Reply status(const Words& w);
    Reply set_options(const Words& w);
    Reply totals();
    bool other_tcp(const Words& w);

    Reply udp_open(const Words& w);
    Reply udp_send(const Words& w);
    void udp_recv(const Words& w, Instant now);
    void echo_datagrams(Port& port);
    bool datagrams(const Words& w, Instant now);
    void ping(const Words& w, Instant now);
    void wait_address(const Words& w, Instant now);
    bool network(const Words& w, Instant now);

    Conversation& conversation(const Words& w);
    u32 add(TcpConnection handle, Service service, u64 bytes, bool connected);
    void accept_waiting(Listening& l);
    void count_done();

    Host* host_;
    std::deque<std::string> lines_;
    Try waiting_;
    Instant deadline_{};
    bool quit_ = false;
    u32 last_id_ = 0;
    std::map<u32, Listening> listeners_;
    std::map<u32, std::unique_ptr<Conversation>> conversations_;
    std::deque<u32> just_done_;
    std::map<u32, Port> ports_;
    Total total_;
    Error address_error_ = Error::None;
    bool address_told_ = false;
};

}  // namespace tern::peer
