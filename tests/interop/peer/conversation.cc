#include "peer/conversation.hh"

#include <algorithm>

namespace tern::peer {

namespace {

constexpr std::size_t k_chunk = 64 * 1024 - 7;  // odd, so that boundaries wander
constexpr std::size_t k_echo_chunk = 16 * 1024;
constexpr u64 k_golden = 0x9e3779b97f4a7c15;

}  // namespace

std::optional<Service> service_of(const std::string& name) {
    if (name == "hold") return Service::Hold;
    if (name == "sink") return Service::Sink;
    if (name == "source") return Service::Source;
    if (name == "echo") return Service::Echo;
    return std::nullopt;
}

Conversation::Conversation(Stack& stack, TcpConnection handle, Service service, u64 to_send,
                           bool connected)
    : stack_(&stack), handle_(handle), service_(service), to_send_(to_send), connected_(connected) {
}

void Conversation::change_service(Service service, u64 to_send) {
    service_ = service;
    to_send_ += to_send;
    serve();
}

void Conversation::on_event(u16 bits, Error error) {
    bits_ |= bits;
    connected_ |= (bits & TcpEventBits::Connected) != 0;
    if ((bits & TcpEventBits::Closed) != 0) error_ = error;
    if ((bits & TcpEventBits::SoftError) != 0) soft_error_ = error;
    serve();
}

// Every chunk differs from every other, and none has a pattern that a lost byte would keep.
void Conversation::generate() {
    const std::size_t size = std::min<u64>(to_send_, k_chunk);
    chunk_.resize(size);
    chunk_at_ = 0;
    u64 state = ++block_ * k_golden + handle_.index;
    for (std::size_t at = 0; at < size; at += 8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        std::memcpy(chunk_.data() + at, &state, std::min<std::size_t>(8, size - at));
    }
    to_send_ -= size;
}

bool Conversation::send_some() {
    while (unsent() > 0) {
        if (chunk_at_ == chunk_.size()) generate();
        const auto left = std::span<const std::byte>(chunk_).subspan(chunk_at_);
        const auto taken = stack_->tcp().send(handle_, left);
        if (!taken) {
            if (taken.error() == Error::WouldBlock || taken.error() == Error::OutOfMemory)
                return true;
            if (error_ == Error::None) error_ = taken.error();
            return false;
        }
        sent_hash_.add(left.first(*taken));
        sent_ += *taken;
        chunk_at_ += *taken;
    }
    chunk_ = {};
    chunk_at_ = 0;
    return true;
}

Error Conversation::receive_some(u64 most, std::string* into, std::size_t& taken) {
    std::byte buffer[16 * 1024];
    const std::size_t room = std::min<u64>(most, sizeof buffer);
    const auto got = stack_->tcp().receive(handle_, std::span(buffer, room));
    taken = got.value_or(0);
    if (!got) {
        ended_ |= got.error() == Error::EndOfStream;
        return got.error();
    }
    received_ += taken;
    received_hash_.add(std::span(buffer, taken));
    if (into != nullptr) into->append(reinterpret_cast<const char*>(buffer), taken);
    return Error::None;
}

bool Conversation::drain() {
    for (;;) {
        auto slice = stack_->tcp().receive(handle_);
        if (!slice) {
            if (slice.error() == Error::WouldBlock || slice.error() == Error::OutOfMemory)
                return false;
            ended_ |= slice.error() == Error::EndOfStream;
            if (!ended_ && error_ == Error::None) error_ = slice.error();
            return true;
        }
        received_ += slice->size();
        received_hash_.add(slice->bytes());
        if (service_ != Service::Echo) continue;
        chunk_.insert(chunk_.end(), slice->bytes().begin(), slice->bytes().end());
        if (!send_some()) return true;
        if (unsent() > k_echo_chunk) return false;  // the peer reads slower than it writes
    }
}

void Conversation::release() {
    stack_->tcp().release(handle_);
    done_ = true;
    chunk_ = {};
}

void Conversation::finish() {
    if (!closed_ && ended_) (void)stack_->tcp().close(handle_);
    release();
}

void Conversation::serve() {
    if (done_ || service_ == Service::Hold) return;
    if (!send_some()) return finish();
    // A slow reader of ours fills our send queue: read no more until it has drained.
    if (service_ == Service::Echo && unsent() > k_echo_chunk) return;
    if (service_ == Service::Source && unsent() == 0 && !closed_ && connected_) {
        closed_ = true;
        (void)stack_->tcp().close(handle_);
    }
    if (drain() && unsent() == 0)
        finish();
    else if (!ended_ && error_ != Error::None)
        finish();
}

Reply Conversation::summary() const {
    Reply r;
    r.set("received", received_)
        .set("received_sha", received_hash_.hex())
        .set("sent", sent_)
        .set("sent_sha", sent_hash_.hex())
        .set("ended", ended_)
        .set("done", done_)
        .set("bits", bits_)
        .set("error", message_of(error_))
        .set("soft_error", message_of(soft_error_));
    return r;
}

}  // namespace tern::peer
