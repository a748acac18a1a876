// What a context keeps: the runtime, who gets which event, and when the next turn is.
#pragma once

#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "tern/asio.hh"

namespace tern::asio::detail {

// Something that events are for.
class Owner {
public:
    virtual void on_event(const Event& event) = 0;
    // The stack dies: end what is pending, forget the context.
    virtual void on_context_gone() = 0;

protected:
    ~Owner() = default;
};

class ContextCore final : public EventSink, public std::enable_shared_from_this<ContextCore> {
public:
    ContextCore(net::io_context& io, RuntimeConfig config);
    ~ContextCore() override = default;

    Runtime& runtime() { return runtime_; }
    Tcp& tcp() { return runtime_.stack().tcp(); }
    Udp& udp() { return runtime_.stack().udp(); }
    Executor executor() const { return io_.get_executor(); }

    // The number that events of this owner carry as `user`.
    u64 add(Owner& owner);
    void remove(u64 id);
    void stream_opened() { ++open_streams_; }
    void stream_closed() { --open_streams_; }

    // One turn after the handlers that are queued now: what they all call goes out together.
    void flush();
    // A connection was released: the stack wants a little time for its close.
    void linger();
    void shut_down();
    void on_link_lost(std::function<void(std::size_t)> handler) { link_lost_ = std::move(handler); }

private:
    struct Slot {
        Owner* owner = nullptr;
        u32 generation = 0;
        u32 next_free = 0;
    };

    void on_event(const Event& event) override;
    void turn();
    void wait();
    void check_linger();
    void tell_lost_links();

    net::io_context& io_;
    Runtime runtime_;
    net::posix::stream_descriptor descriptor_;
    std::vector<Slot> slots_{1};  // slot 0 stays empty: user 0 is nobody
    u32 first_free_ = 0;
    u32 open_streams_ = 0;
    bool turn_posted_ = false;
    bool waiting_ = false;
    Instant linger_until_{};
    std::function<void(std::size_t)> link_lost_;
    std::vector<bool> told_lost_;  // for each link
    std::optional<net::executor_work_guard<net::io_context::executor_type>> linger_work_;
};

}  // namespace tern::asio::detail
