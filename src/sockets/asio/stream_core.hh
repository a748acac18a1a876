// The part of a tcp_stream that stays where it is when the stream is moved.
#pragma once

#include "sockets/asio/context_core.hh"

namespace tern::asio::detail {

class StreamCore final : public Owner {
public:
    explicit StreamCore(ContextCore& context);
    StreamCore(ContextCore& context, TcpConnection accepted);
    ~StreamCore();
    StreamCore(const StreamCore&) = delete;
    StreamCore& operator=(const StreamCore&) = delete;

    TcpConnection handle() const { return handle_; }
    Result<TcpStatus> status();
    Result<void> close_sending();
    Result<void> set_options(const TcpOptions& options);
    void cancel();
    void release();
    void abort();

    void connect(Endpoint to, ConnectOptions options, Done<> done);
    void read(const Parts& into, Done<std::size_t> done);
    void receive(Done<Slice> done);
    void write(const Parts& from, Done<std::size_t> done);
    void send(Slice slice, Done<> done);
    std::size_t write_some(std::span<const std::byte> from, error_code& error);
    void wait_writable(Done<> done);

    void on_event(const Event& event) override;
    void on_context_gone() override;

private:
    template <class DoneType>
    void allow_cancel(const DoneType& done, void (StreamCore::*how)());
    error_code refusal() const;
    bool try_read(const Parts& into, Done<std::size_t>& done, Error over);
    bool try_receive(Done<Slice>& done, Error over);
    bool try_write(const Parts& from, Done<std::size_t>& done, Error over);
    bool try_send(Done<>& done, Error over);
    void cancel_connect();
    void cancel_read();
    void cancel_write();
    void no_longer_open();

    ContextCore* context_;  // null: it is gone
    u64 id_;
    TcpConnection handle_{};
    bool open_ = false;  // counted by the context as ours
    Done<> connect_done_;
    Done<std::size_t> read_done_;
    Done<Slice> receive_done_;
    Done<std::size_t> write_done_;
    Done<> send_done_;
    Done<> writable_done_;
    bool short_ = false;  // the last write_some() was, and there is no room since then
    Slice send_slice_;
    Parts read_parts_;
    Parts write_parts_;
};

}  // namespace tern::asio::detail
