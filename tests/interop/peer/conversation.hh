// One TCP connection and what is done on it without being asked: a service.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "peer/reply.hh"
#include "peer/sha256.hh"
#include "tern/stack.hh"

namespace tern::peer {

enum class Service : u8 {
    Hold,    // nothing: the test calls each operation
    Sink,    // read to the end, then close
    Source,  // send so many bytes, close, then read to the end
    Echo,    // send back what comes, close behind the peer's FIN
};
std::optional<Service> service_of(const std::string& name);

class Conversation {
public:
    Conversation(Stack& stack, TcpConnection handle, Service service, u64 to_send, bool connected);

    TcpConnection handle() const { return handle_; }
    // Serves for as long as there is something to do. `bits` and `error` of an event.
    void on_event(u16 bits, Error error);
    void serve();
    void change_service(Service service, u64 to_send);

    // Steps of a test; each does what is possible now.
    void queue(u64 bytes) { to_send_ += bytes; }
    bool send_some();  // false: over; otherwise see unsent()
    u64 unsent() const { return to_send_ + chunk_.size() - chunk_at_; }
    // Takes up to `most` bytes in one call of receive(), and keeps them if `into` is given.
    Error receive_some(u64 most, std::string* into, std::size_t& taken);
    void release();

    u16 bits() const { return bits_; }  // of all events so far
    void forget_bits(u16 bits) { bits_ &= static_cast<u16>(~bits); }
    bool done() const { return done_; }  // the service is over and the handle given up
    Error error() const { return error_; }
    Error soft_error() const { return soft_error_; }
    u64 received() const { return received_; }
    u64 sent() const { return sent_; }
    Reply summary() const;

private:
    bool drain();  // true: the stream has ended, or the connection is over
    void generate();
    void finish();

    Stack* stack_;
    TcpConnection handle_;
    Service service_;
    u64 to_send_ = 0;  // bytes still to be generated
    u64 block_ = 0;    // how many chunks were generated
    std::vector<std::byte> chunk_;
    std::size_t chunk_at_ = 0;
    u64 received_ = 0, sent_ = 0;
    Sha256 received_hash_, sent_hash_;
    u16 bits_ = 0;
    bool connected_;
    bool ended_ = false;   // the peer's FIN was read
    bool closed_ = false;  // close() was called
    bool done_ = false;
    Error error_ = Error::None, soft_error_ = Error::None;
};

}  // namespace tern::peer
