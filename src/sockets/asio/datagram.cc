// A UDP socket: one reader at a time; sending never waits.
#include <algorithm>

#include <boost/asio/error.hpp>

#include "sockets/asio/context_core.hh"

namespace tern::asio {

namespace detail {

class DatagramCore final : public Owner {
public:
    explicit DatagramCore(ContextCore& context) : context_(&context), id_(context.add(*this)) {}
    DatagramCore(const DatagramCore&) = delete;
    DatagramCore& operator=(const DatagramCore&) = delete;
    ~DatagramCore() {
        close();
        if (context_ != nullptr) context_->remove(id_);
    }

    error_code open(UdpOptions options) {
        options.user = id_;
        auto handle = context_->udp().open(options);
        if (!handle) return to_error_code(handle.error());
        handle_ = *handle;
        return {};
    }
    UdpSocket handle() const { return handle_; }
    LocalEndpoint local_endpoint() const {
        if (context_ == nullptr) return {};
        return context_->udp().local_endpoint(handle_).value_or(LocalEndpoint{});
    }
    void close() {
        cancel();
        if (context_ != nullptr && handle_) context_->udp().close(handle_);
        handle_ = {};
    }
    void cancel() {
        if (copy_done_) copy_done_(net::error::operation_aborted, 0);
        if (done_) done_(net::error::operation_aborted, {});
    }

    void receive_copy(const Parts& into, Endpoint* from, Done<std::size_t> done) {
        if (auto no = refusal()) return done(no, 0);
        if (copy_done_ || done_) return done(net::error::already_started, 0);
        parts_ = into;
        from_ = from;
        if (try_receive_copy(done)) return;
        allow_cancel(done);
        copy_done_ = std::move(done);
    }
    void receive(Done<Datagram> done) {
        if (auto no = refusal()) return done(no, {});
        if (copy_done_ || done_) return done(net::error::already_started, {});
        if (try_receive(done)) return;
        allow_cancel(done);
        done_ = std::move(done);
    }
    void send(const Parts& from, std::optional<Endpoint> to, Done<std::size_t> done) {
        if (auto no = refusal()) return done(no, 0);
        std::vector<std::byte> joined;
        std::span<const std::byte> bytes;
        if (from.count == 1) bytes = from.part[0];
        if (from.count > 1) {
            for (std::size_t i = 0; i < from.count; ++i) {
                joined.insert(joined.end(), from.part[i].begin(), from.part[i].end());
            }
            bytes = joined;
        }
        auto sent = context_->udp().send(handle_, bytes, to);
        context_->flush();
        if (!sent) return done(to_error_code(sent.error()), 0);
        done({}, bytes.size());
    }

    void on_event(const Event& event) override {
        if (event.kind != Event::Kind::Udp || !(event.udp() == handle_)) return;
        if (copy_done_) try_receive_copy(copy_done_);
        if (done_) try_receive(done_);
    }
    void on_context_gone() override {
        if (handle_) context_->udp().close(handle_);
        handle_ = {};
        context_ = nullptr;
        cancel();
    }

private:
    error_code refusal() const {
        if (context_ == nullptr) return net::error::operation_aborted;
        if (!handle_) return net::error::bad_descriptor;
        return {};
    }
    template <class DoneType>
    void allow_cancel(const DoneType& done) {
        if (auto slot = done.slot(); slot.is_connected()) {
            slot.assign([this](net::cancellation_type type) {
                if (type != net::cancellation_type::none) cancel();
            });
        }
    }
    bool try_receive_copy(Done<std::size_t>& done) {
        auto datagram = context_->udp().receive(handle_);
        if (!datagram && datagram.error() == Error::WouldBlock) return false;
        if (!datagram) {
            done(to_error_code(datagram.error()), 0);
            return true;
        }
        std::span<const std::byte> rest = datagram->data.bytes();
        std::size_t total = 0;
        for (std::size_t i = 0; i < parts_.count && !rest.empty(); ++i) {
            const std::size_t n = std::min(rest.size(), parts_.part[i].size());
            std::copy_n(rest.begin(), n, parts_.part[i].begin());
            rest = rest.subspan(n);
            total += n;
        }
        *from_ = datagram->from;
        done({}, total);
        return true;
    }
    bool try_receive(Done<Datagram>& done) {
        auto datagram = context_->udp().receive(handle_);
        if (!datagram && datagram.error() == Error::WouldBlock) return false;
        if (datagram) {
            done({}, std::move(*datagram));
        } else {
            done(to_error_code(datagram.error()), {});
        }
        return true;
    }

    ContextCore* context_;
    u64 id_;
    UdpSocket handle_{};
    Done<std::size_t> copy_done_;
    Done<Datagram> done_;
    Parts parts_;
    Endpoint* from_ = nullptr;
};

void Free::operator()(DatagramCore* core) const { delete core; }

}  // namespace detail

udp_socket::udp_socket(context& c, UdpOptions options, error_code& error)
    : executor_(c.get_executor()), core_(new detail::DatagramCore(c.core())) {
    error = core_->open(std::move(options));
}

udp_socket::udp_socket(context& c, UdpOptions options)
    : executor_(c.get_executor()), core_(new detail::DatagramCore(c.core())) {
    const std::string where = options.local.to_string();
    if (auto error = core_->open(std::move(options))) {
        throw boost::system::system_error(error, "UDP socket on " + where);
    }
}

bool udp_socket::is_open() const { return core_ && bool(core_->handle()); }
LocalEndpoint udp_socket::local_endpoint() const { return core_->local_endpoint(); }
void udp_socket::close() { core_->close(); }
void udp_socket::cancel() { core_->cancel(); }

void udp_socket::start_receive_from(const detail::Parts& into, Endpoint* from,
                                    detail::Done<std::size_t> done) {
    core_->receive_copy(into, from, std::move(done));
}
void udp_socket::start_receive(detail::Done<Datagram> done) { core_->receive(std::move(done)); }
void udp_socket::start_send_to(const detail::Parts& from, std::optional<Endpoint> to,
                               detail::Done<std::size_t> done) {
    core_->send(from, to, std::move(done));
}

}  // namespace tern::asio
