// A listener: accepts wait in order.
#include <deque>

#include <boost/asio/error.hpp>

#include "sockets/asio/stream_core.hh"

namespace tern::asio {

namespace detail {

class AcceptorCore final : public Owner {
public:
    explicit AcceptorCore(ContextCore& context) : context_(&context), id_(context.add(*this)) {}
    AcceptorCore(const AcceptorCore&) = delete;
    AcceptorCore& operator=(const AcceptorCore&) = delete;
    ~AcceptorCore() {
        close();
        if (context_ != nullptr) context_->remove(id_);
    }

    error_code listen(ListenOptions options) {
        options.user = id_;
        auto handle = context_->tcp().listen(options);
        if (!handle) return to_error_code(handle.error());
        handle_ = *handle;
        context_->flush();
        return {};
    }
    TcpListener handle() const { return handle_; }
    LocalEndpoint local_endpoint() const {
        if (context_ == nullptr) return {};
        return context_->tcp().local_endpoint(handle_).value_or(LocalEndpoint{});
    }
    void close() {
        if (context_ != nullptr && handle_) {
            [[maybe_unused]] auto closed = context_->tcp().close_listener(handle_);
            context_->flush();
        }
        handle_ = {};
        cancel();
    }
    void cancel() {
        while (!waiting_.empty()) {
            Done<tcp_stream> done = std::move(waiting_.front());
            waiting_.pop_front();
            done(net::error::operation_aborted, nobody());
        }
    }
    void accept(Done<tcp_stream> done) {
        if (context_ == nullptr) return done(net::error::operation_aborted, nobody());
        if (!handle_) return done(net::error::bad_descriptor, nobody());
        if (waiting_.empty() && try_accept(done)) return;
        if (auto slot = done.slot(); slot.is_connected()) {
            slot.assign([this](net::cancellation_type type) {
                if (type != net::cancellation_type::none) cancel();
            });
        }
        waiting_.push_back(std::move(done));
    }

    void on_event(const Event& event) override {
        if (event.kind != Event::Kind::Listener) return;
        while (!waiting_.empty() && try_accept(waiting_.front())) waiting_.pop_front();
    }
    void on_context_gone() override {
        if (handle_) [[maybe_unused]]
            auto closed = context_->tcp().close_listener(handle_);
        handle_ = {};
        context_ = nullptr;
        cancel();
    }

private:
    // A stream without a connection: what a handler gets beside an error.
    tcp_stream nobody() {
        tcp_stream::Core core;
        if (context_ != nullptr) core.reset(new StreamCore(*context_));
        return tcp_stream{executor_, std::move(core)};
    }
    bool try_accept(Done<tcp_stream>& done) {
        auto connection = context_->tcp().accept(handle_);
        if (!connection && connection.error() == Error::WouldBlock) return false;
        if (!connection) {
            done(to_error_code(connection.error()), nobody());
        } else {
            tcp_stream::Core core{new StreamCore(*context_, *connection)};
            done({}, tcp_stream{executor_, std::move(core)});
        }
        return true;
    }

    ContextCore* context_;
    Executor executor_ = context_->executor();
    u64 id_;
    TcpListener handle_{};
    std::deque<Done<tcp_stream>> waiting_;
};

void Free::operator()(AcceptorCore* core) const { delete core; }

}  // namespace detail

tcp_acceptor::tcp_acceptor(context& c, ListenOptions options, error_code& error)
    : executor_(c.get_executor()), core_(new detail::AcceptorCore(c.core())) {
    error = core_->listen(std::move(options));
}

tcp_acceptor::tcp_acceptor(context& c, ListenOptions options)
    : executor_(c.get_executor()), core_(new detail::AcceptorCore(c.core())) {
    const std::string where = options.local.to_string();
    if (auto error = core_->listen(std::move(options))) {
        throw boost::system::system_error(error, "listen on " + where);
    }
}

bool tcp_acceptor::is_open() const { return core_ && bool(core_->handle()); }
LocalEndpoint tcp_acceptor::local_endpoint() const { return core_->local_endpoint(); }
void tcp_acceptor::close() { core_->close(); }
void tcp_acceptor::cancel() { core_->cancel(); }
void tcp_acceptor::start_accept(detail::Done<tcp_stream> done) { core_->accept(std::move(done)); }

}  // namespace tern::asio
