// A connection: one reader and one writer at a time. Every operation is tried at once; what would
// block waits for the stack's event and is tried again.
#include <boost/asio/error.hpp>

#include "sockets/asio/stream_core.hh"

namespace tern::asio {

namespace detail {

StreamCore::StreamCore(ContextCore& context) : context_(&context), id_(context.add(*this)) {}

StreamCore::StreamCore(ContextCore& context, TcpConnection accepted) : StreamCore(context) {
    handle_ = accepted;
    open_ = true;
    context.stream_opened();
    [[maybe_unused]] auto set = context.tcp().set_user(accepted, id_);
}

StreamCore::~StreamCore() {
    cancel();
    release();
    if (context_ != nullptr) context_->remove(id_);
}

void StreamCore::no_longer_open() {
    if (std::exchange(open_, false)) context_->stream_closed();
}

void StreamCore::release() {
    if (context_ == nullptr || !handle_) return;
    no_longer_open();
    context_->tcp().release(std::exchange(handle_, {}));
    context_->linger();
}

void StreamCore::abort() {
    if (context_ == nullptr || !handle_) return;
    [[maybe_unused]] auto done = context_->tcp().abort(handle_);
    cancel();
    release();
}

void StreamCore::cancel() {
    cancel_connect();
    cancel_read();
    cancel_write();
}

void StreamCore::cancel_connect() {
    if (!connect_done_) return;
    connect_done_(net::error::operation_aborted);
    release();
}

void StreamCore::cancel_read() {
    if (read_done_) read_done_(net::error::operation_aborted, 0);
    if (receive_done_) receive_done_(net::error::operation_aborted, {});
}

void StreamCore::cancel_write() {
    if (write_done_) write_done_(net::error::operation_aborted, 0);
    if (send_done_) send_done_(net::error::operation_aborted);
    if (writable_done_) writable_done_(net::error::operation_aborted);
    send_slice_ = {};
}

void StreamCore::on_context_gone() {
    no_longer_open();
    if (handle_) context_->tcp().release(std::exchange(handle_, {}));
    context_ = nullptr;
    cancel();
}

// Emitting may free the lambda while it runs, so it works on copies.
template <class DoneType>
void StreamCore::allow_cancel(const DoneType& done, void (StreamCore::*how)()) {
    if (auto slot = done.slot(); slot.is_connected()) {
        slot.assign([this, how](net::cancellation_type type) {
            StreamCore* const self = this;
            const auto cancel_one = how;
            if (type != net::cancellation_type::none) (self->*cancel_one)();
        });
    }
}

error_code StreamCore::refusal() const {
    if (context_ == nullptr) return net::error::operation_aborted;
    if (!handle_) return net::error::not_connected;
    return {};
}

void StreamCore::connect(Endpoint to, ConnectOptions options, Done<> done) {
    if (context_ == nullptr) return done(net::error::operation_aborted);
    if (handle_) return done(net::error::already_connected);
    options.user = id_;
    auto handle = context_->tcp().connect(to, options);
    if (!handle) return done(to_error_code(handle.error()));
    handle_ = *handle;
    open_ = true;
    context_->stream_opened();
    allow_cancel(done, &StreamCore::cancel_connect);
    connect_done_ = std::move(done);
    context_->flush();
}

void StreamCore::read(const Parts& into, Done<std::size_t> done) {
    if (auto no = refusal()) return done(no, 0);
    if (read_done_ || receive_done_) return done(net::error::already_started, 0);
    if (into.bytes == 0) return done({}, 0);
    if (try_read(into, done, Error::None)) return;
    read_parts_ = into;
    allow_cancel(done, &StreamCore::cancel_read);
    read_done_ = std::move(done);
}

// `over` ends what would wait: no event will follow.
bool StreamCore::try_read(const Parts& into, Done<std::size_t>& done, Error over) {
    std::size_t total = 0;
    Error error = Error::None;
    for (std::size_t i = 0; i < into.count; ++i) {
        auto got = context_->tcp().receive(handle_, into.part[i]);
        if (!got) error = got.error();
        if (got) total += *got;
        if (!got || *got < into.part[i].size()) break;
    }
    if (total == 0 && (error == Error::WouldBlock || error == Error::None)) {
        if (over == Error::None) return false;
        error = over;
    }
    context_->flush();  // the window may have opened
    done(total > 0 ? error_code{} : to_error_code(error), total);
    return true;
}

void StreamCore::receive(Done<Slice> done) {
    if (auto no = refusal()) return done(no, {});
    if (read_done_ || receive_done_) return done(net::error::already_started, {});
    if (try_receive(done, Error::None)) return;
    allow_cancel(done, &StreamCore::cancel_read);
    receive_done_ = std::move(done);
}

bool StreamCore::try_receive(Done<Slice>& done, Error over) {
    auto slice = context_->tcp().receive(handle_);
    const Error error = slice ? Error::None : slice.error();
    if (error == Error::WouldBlock && over == Error::None) return false;
    context_->flush();
    if (slice) {
        done({}, std::move(*slice));
    } else if (error == Error::EndOfStream) {
        done({}, {});
    } else {
        done(to_error_code(error == Error::WouldBlock ? over : error), {});
    }
    return true;
}

void StreamCore::write(const Parts& from, Done<std::size_t> done) {
    if (auto no = refusal()) return done(no, 0);
    if (write_done_ || send_done_) return done(net::error::already_started, 0);
    if (from.bytes == 0) return done({}, 0);
    if (try_write(from, done, Error::None)) return;
    write_parts_ = from;
    allow_cancel(done, &StreamCore::cancel_write);
    write_done_ = std::move(done);
}

bool StreamCore::try_write(const Parts& from, Done<std::size_t>& done, Error over) {
    std::size_t total = 0;
    Error error = Error::None;
    for (std::size_t i = 0; i < from.count; ++i) {
        auto sent = context_->tcp().send(handle_, from.part[i]);
        if (!sent) error = sent.error();
        if (sent) total += *sent;
        if (!sent || *sent < from.part[i].size()) break;
    }
    // Writable comes when there is memory, as it does when there is room.
    const bool later = error == Error::WouldBlock || error == Error::OutOfMemory;
    if (total == 0 && (later || error == Error::None)) {
        if (over == Error::None) return false;
        error = over;
    }
    // The handler is queued before the turn: what it writes next leaves together with this.
    done(total > 0 ? error_code{} : to_error_code(error), total);
    context_->flush();
    return true;
}

void StreamCore::send(Slice slice, Done<> done) {
    if (auto no = refusal()) return done(no);
    if (write_done_ || send_done_) return done(net::error::already_started);
    if (slice.size() == 0) return done({});
    send_slice_ = std::move(slice);
    if (try_send(done, Error::None)) return;
    allow_cancel(done, &StreamCore::cancel_write);
    send_done_ = std::move(done);
}

bool StreamCore::try_send(Done<>& done, Error over) {
    auto sent = context_->tcp().send(handle_, send_slice_);
    Error error = sent ? Error::None : sent.error();
    if (error == Error::WouldBlock || error == Error::OutOfMemory) {
        if (over == Error::None) return false;
        error = over;
    }
    send_slice_ = {};
    done(to_error_code(error));
    context_->flush();
    return true;
}

std::size_t StreamCore::write_some(std::span<const std::byte> from, error_code& error) {
    error = refusal();
    if (error) return 0;
    if (write_done_ || send_done_) {
        error = net::error::already_started;
        return 0;
    }
    const auto sent = context_->tcp().send(handle_, from);
    context_->flush();
    if (sent) {
        short_ = *sent < from.size();
        return *sent;
    }
    short_ = sent.error() == Error::WouldBlock || sent.error() == Error::OutOfMemory;
    error = short_ ? error_code{net::error::would_block} : to_error_code(sent.error());
    return 0;
}

void StreamCore::wait_writable(Done<> done) {
    if (auto no = refusal()) return done(no);
    if (write_done_ || send_done_ || writable_done_) return done(net::error::already_started);
    if (!open_ || !short_) return done({});  // what is over, the next write_some() tells
    allow_cancel(done, &StreamCore::cancel_write);
    writable_done_ = std::move(done);
}

void StreamCore::on_event(const Event& event) {
    if (event.kind != Event::Kind::Tcp || !(event.connection() == handle_)) return;
    const bool over = (event.bits & TcpEventBits::Closed) != 0;
    // An orderly end leaves nothing to read; to a writer the same is a broken pipe.
    const Error why = event.error == Error::None ? Error::EndOfStream : event.error;
    if (over) no_longer_open();
    if (connect_done_ && (event.bits & TcpEventBits::Connected) != 0) connect_done_({});
    if (connect_done_ && over) {
        release();  // so that the stream may try again
        return connect_done_(to_error_code(why));
    }

    const u16 reading = TcpEventBits::Readable | TcpEventBits::PeerClosed | TcpEventBits::Urgent;
    if (over || (event.bits & reading) != 0) {
        const Error end = over ? why : Error::None;
        if (read_done_) try_read(read_parts_, read_done_, end);
        if (receive_done_) try_receive(receive_done_, end);
    }
    if (over || (event.bits & TcpEventBits::Writable) != 0) {
        const Error end = !over ? Error::None : why == Error::EndOfStream ? Error::Closing : why;
        if (write_done_) try_write(write_parts_, write_done_, end);
        if (send_done_) try_send(send_done_, end);
        short_ = false;
        if (writable_done_) writable_done_({});
    }
}

Result<TcpStatus> StreamCore::status() {
    if (context_ == nullptr || !handle_) return std::unexpected(Error::NotConnected);
    return context_->tcp().status(handle_);
}

Result<void> StreamCore::close_sending() {
    if (context_ == nullptr || !handle_) return std::unexpected(Error::NotConnected);
    context_->flush();
    return context_->tcp().close(handle_);
}

Result<void> StreamCore::set_options(const TcpOptions& options) {
    if (context_ == nullptr || !handle_) return std::unexpected(Error::NotConnected);
    context_->flush();
    return context_->tcp().set_options(handle_, options);
}

void Free::operator()(StreamCore* core) const { delete core; }

}  // namespace detail

tcp_stream::tcp_stream(context& c)
    : executor_(c.get_executor()), core_(new detail::StreamCore(c.core())) {}

bool tcp_stream::is_open() const { return core_ && bool(core_->handle()); }
TcpConnection tcp_stream::native_handle() const { return core_->handle(); }
Result<TcpStatus> tcp_stream::status() const { return core_->status(); }
Result<void> tcp_stream::set_options(const TcpOptions& options) {
    return core_->set_options(options);
}

Endpoint tcp_stream::local_endpoint() const {
    auto status = core_->status();
    return status ? status->flow.local : Endpoint{};
}

Endpoint tcp_stream::remote_endpoint() const {
    auto status = core_->status();
    return status ? status->flow.remote : Endpoint{};
}

void tcp_stream::shutdown(shutdown_type what, error_code& error) {
    error = {};
    if (what == shutdown_type::shutdown_receive) return;
    auto closed = core_->close_sending();
    if (!closed) error = to_error_code(closed.error());
}

void tcp_stream::shutdown(shutdown_type what) {
    error_code error;
    shutdown(what, error);
    if (error) throw boost::system::system_error(error, "shutdown");
}

void tcp_stream::close() {
    if (!core_) return;
    core_->cancel();
    core_->release();
}

void tcp_stream::abort() {
    if (core_) core_->abort();
}

void tcp_stream::cancel() {
    if (core_) core_->cancel();
}

void tcp_stream::start_connect(Endpoint to, const ConnectOptions& options, detail::Done<> done) {
    core_->connect(to, options, std::move(done));
}
void tcp_stream::start_read(const detail::Parts& into, detail::Done<std::size_t> done) {
    core_->read(into, std::move(done));
}
void tcp_stream::start_write(const detail::Parts& from, detail::Done<std::size_t> done) {
    core_->write(from, std::move(done));
}
void tcp_stream::start_receive(detail::Done<Slice> done) { core_->receive(std::move(done)); }
void tcp_stream::start_send(Slice slice, detail::Done<> done) {
    core_->send(std::move(slice), std::move(done));
}

std::size_t tcp_stream::write_some(std::span<const std::byte> from, error_code& error) {
    return core_->write_some(from, error);
}
void tcp_stream::start_wait_writable(detail::Done<> done) { core_->wait_writable(std::move(done)); }

}  // namespace tern::asio
