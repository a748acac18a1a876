// Streams: callbacks around a connection, and what waits for room in its send queue.
#include "lab/sim/host_inside.hh"

namespace tern::sim {

class Stream::Key {};

StreamPtr Host::Inside::add_stream(TcpConnection connection) {
    u32 slot = static_cast<u32>(streams.size());
    if (free_streams.empty()) {
        streams.emplace_back();
    } else {
        slot = free_streams.back();
        free_streams.pop_back();
    }
    streams[slot] = std::make_shared<Stream>(Stream::Key{}, face, connection, slot);
    return streams[slot];
}

void Host::Inside::drop_stream(Stream& stream) {
    const u32 slot = stream.slot_;
    stream.forget();
    streams[slot].reset();
    free_streams.push_back(slot);
}

// Callbacks often hold their own stream; without this it would never die.
void Stream::forget() {
    host_ = nullptr;
    on_connected = on_writable = on_end = {};
    on_data = {};
    on_closed = {};
    waiting_.clear();
}

std::size_t Stream::write(std::span<const std::byte> bytes) {
    if (!alive() || !waiting_.empty()) return 0;
    return host_->stack().tcp().send(connection_, bytes).value_or(0);
}

void Stream::send(std::span<const std::byte> bytes) {
    if (!alive()) return;
    const std::size_t taken = write(bytes);
    waiting_.insert(waiting_.end(), bytes.begin() + static_cast<std::ptrdiff_t>(taken),
                    bytes.end());
}

void Stream::flush() {
    if (!alive()) return;
    if (!waiting_.empty()) {
        const auto taken = host_->stack().tcp().send(connection_, waiting_).value_or(0);
        waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(taken));
    }
    if (waiting_.empty() && close_when_empty_) close();
}

void Stream::close() {
    if (!alive()) return;
    close_when_empty_ = !waiting_.empty();
    if (!close_when_empty_) (void)host_->stack().tcp().close(connection_);
}

void Stream::abort() {
    if (!alive()) return;
    waiting_.clear();
    (void)host_->stack().tcp().abort(connection_);
}

void Stream::read_on() {
    paused_ = false;
    if (!alive()) return;
    host_->after({}, [this, self = host_->inside_->streams[slot_]] {
        if (!alive() || paused_) return;
        (void)host_->stack();  // a turn follows, in which the window that opens is told
        host_->inside_->read(self, false);
    });
}

// Looking changes nothing: the stack is not even told the time.
const TcpStatus& Stream::status() {
    if (alive())
        if (auto now = host_->inside_->stack->tcp().status(connection_)) status_ = *std::move(now);
    return status_;
}

}  // namespace tern::sim
