// A completion handler whose type is forgotten, so that sockets are compiled once and not for
// every handler. Memory comes from the handler's allocator, the call goes through its executor.
#pragma once

#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/system/error_code.hpp>

namespace tern::asio::detail {

template <class... Results>
class Completion {
public:
    virtual boost::asio::cancellation_slot slot() const noexcept = 0;
    // Queues the handler with these results; this object is gone afterwards. Never calls inline.
    virtual void post(boost::system::error_code error, Results... results) = 0;
    // For one that will never be called.
    virtual void destroy() noexcept = 0;

protected:
    ~Completion() = default;
};

// post() through an owner: it gives the completion up first.
template <class... Results>
class Done {
public:
    Done() = default;
    explicit Done(Completion<Results...>* c) : c_(c) {}
    Done(Done&& o) noexcept : c_(std::exchange(o.c_, nullptr)) {}
    Done& operator=(Done&& o) noexcept {
        std::swap(c_, o.c_);
        return *this;
    }
    ~Done() {
        if (c_ != nullptr) c_->destroy();
    }
    explicit operator bool() const { return c_ != nullptr; }
    boost::asio::cancellation_slot slot() const noexcept { return c_->slot(); }
    void operator()(boost::system::error_code error, Results... results) {
        std::exchange(c_, nullptr)->post(error, std::move(results)...);
    }

private:
    Completion<Results...>* c_ = nullptr;
};

template <class Handler, class... Results>
class CompletionOf final : public Completion<Results...> {
    using HandlerExecutor =
        boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>;
    using HandlerAllocator =
        boost::asio::associated_allocator_t<Handler, boost::asio::recycling_allocator<void>>;
    using Allocator =
        typename std::allocator_traits<HandlerAllocator>::template rebind_alloc<CompletionOf>;
    using Traits = std::allocator_traits<Allocator>;

public:
    static Done<Results...> make(Handler&& handler, const boost::asio::any_io_executor& io) {
        Allocator allocator = allocator_of(handler);
        CompletionOf* memory = Traits::allocate(allocator, 1);
        return Done<Results...>{new (memory) CompletionOf(std::move(handler), io)};
    }

    CompletionOf(Handler&& handler, const boost::asio::any_io_executor& io)
        : handler_(std::move(handler)), io_work_(io),
          work_(boost::asio::get_associated_executor(handler_, io)) {}

    boost::asio::cancellation_slot slot() const noexcept override {
        return boost::asio::get_associated_cancellation_slot(handler_);
    }
    void post(boost::system::error_code error, Results... results) override {
        // The slot's handler refers to the socket, which may be gone before the next operation.
        if (auto s = slot(); s.is_connected()) s.clear();
        Handler handler(std::move(handler_));
        auto io_work = std::move(io_work_);
        auto work = std::move(work_);
        Allocator allocator = allocator_of(handler);
        this->~CompletionOf();
        Traits::deallocate(allocator, this, 1);
        boost::asio::post(work.get_executor(),
                          boost::asio::append(std::move(handler), error, std::move(results)...));
    }
    void destroy() noexcept override {
        Handler handler(std::move(handler_));
        Allocator allocator = allocator_of(handler);
        this->~CompletionOf();
        Traits::deallocate(allocator, this, 1);
    }

private:
    static Allocator allocator_of(const Handler& handler) {
        return Allocator(boost::asio::get_associated_allocator(
            handler, boost::asio::recycling_allocator<void>()));
    }

    Handler handler_;
    // Both executors stay alive and their contexts running while the operation is under way.
    boost::asio::executor_work_guard<boost::asio::any_io_executor> io_work_;
    boost::asio::executor_work_guard<HandlerExecutor> work_;
};

template <class... Results, class Handler>
Done<Results...> make_done(Handler&& handler, const boost::asio::any_io_executor& io) {
    return CompletionOf<std::decay_t<Handler>, Results...>::make(std::forward<Handler>(handler),
                                                                 io);
}

}  // namespace tern::asio::detail
