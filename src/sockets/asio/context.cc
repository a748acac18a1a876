// Turns of a runtime inside an io_context.
#include <algorithm>

#include "sockets/asio/context_core.hh"

namespace tern::asio {

namespace detail {

namespace {

// How long run() goes on for connections that were released but are not closed yet.
constexpr Duration k_linger = std::chrono::seconds(2);

}  // namespace

ContextCore::ContextCore(net::io_context& io, RuntimeConfig config)
    : io_(io), runtime_(std::move(config)), descriptor_(io, runtime_.fd()),
      told_lost_(runtime_.link_count()) {}

u64 ContextCore::add(Owner& owner) {
    if (first_free_ == 0) {
        first_free_ = static_cast<u32>(slots_.size());
        slots_.emplace_back();
    }
    const u32 index = first_free_;
    Slot& slot = slots_[index];
    first_free_ = slot.next_free;
    slot.owner = &owner;
    return u64{slot.generation} << 32 | index;
}

void ContextCore::remove(u64 id) {
    Slot& slot = slots_[static_cast<u32>(id)];
    slot.owner = nullptr;
    ++slot.generation;  // events under way for the old owner find nobody
    slot.next_free = first_free_;
    first_free_ = static_cast<u32>(id);
}

void ContextCore::on_event(const Event& event) {
    const u32 index = static_cast<u32>(event.user);
    if (index >= slots_.size()) return;
    const Slot& slot = slots_[index];
    if (slot.owner == nullptr || slot.generation != static_cast<u32>(event.user >> 32)) return;
    slot.owner->on_event(event);
}

void ContextCore::flush() {
    if (turn_posted_) return;
    turn_posted_ = true;
    net::post(io_, [weak = weak_from_this()] {
        if (auto self = weak.lock()) self->turn();
    });
}

void ContextCore::turn() {
    turn_posted_ = false;
    const bool more = runtime_.turn(*this);
    check_linger();
    tell_lost_links();
    if (more || runtime_.busy()) {
        flush();
    } else {
        wait();
    }
}

// The wait must not count as work, or io_context::run() would never return; asio counts it, so
// the count is taken back, and given again before asio takes it back itself.
void ContextCore::wait() {
    if (waiting_) return;
    waiting_ = true;
    auto executor = io_.get_executor();
    descriptor_.async_wait(net::posix::stream_descriptor::wait_read,
                           [weak = weak_from_this(), executor](error_code error) {
                               executor.on_work_started();
                               auto self = weak.lock();
                               if (!self) return;
                               self->waiting_ = false;
                               if (!error && !self->turn_posted_) self->turn();
                           });
    executor.on_work_finished();
}

void ContextCore::linger() {
    linger_until_ = runtime_.now() + k_linger;
    if (!linger_work_) linger_work_.emplace(io_.get_executor());
    flush();
}

void ContextCore::check_linger() {
    if (!linger_work_) return;
    // Those that the application still holds are its own affair.
    if (tcp().count().connections > open_streams_ && runtime_.now() < linger_until_) {
        runtime_.wake_at(linger_until_);
    } else {
        linger_work_.reset();
    }
}

void ContextCore::tell_lost_links() {
    for (std::size_t link = 0; link_lost_ && link < told_lost_.size(); ++link) {
        if (told_lost_[link] || !runtime_.link_lost(link)) continue;
        told_lost_[link] = true;
        const auto handler = link_lost_;  // it may set another one
        handler(link);
    }
}

void ContextCore::shut_down() {
    for (Slot& slot : slots_) {
        if (slot.owner != nullptr) std::exchange(slot.owner, nullptr)->on_context_gone();
    }
    // Resets and last segments of what was just given up.
    runtime_.turn(*this);
    linger_work_.reset();
    descriptor_.release();  // it belongs to the runtime
}

}  // namespace detail

context::context(net::io_context& io, RuntimeConfig config)
    : io_(&io), core_(std::make_shared<detail::ContextCore>(io, std::move(config))) {
    core_->flush();
}

context::~context() { core_->shut_down(); }

Runtime& context::runtime() { return core_->runtime(); }
void context::on_link_lost(std::function<void(std::size_t link)> handler) {
    core_->on_link_lost(std::move(handler));
    core_->flush();
}
void context::flush() { core_->flush(); }

}  // namespace tern::asio
