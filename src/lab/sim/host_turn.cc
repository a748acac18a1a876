// A host's turn: packets or timers in, events to its programs, packets out, and when to wake next.
#include "lab/sim/host_inside.hh"

namespace tern::sim {

void Host::arrive(u32, PacketBatch&& batch) {
    Inside& in = *inside_;
    in.traffic.arrived += batch.size();
    if (!in.stack) {  // nobody is there
        in.traffic.unheard += batch.size();
        return batch.clear();
    }
    in.told = in.clock();
    if (in.doors.empty())
        in.stack->receive(in.told, in.interface, std::move(batch));
    else
        in.receive_through_doors(std::move(batch));
    in.examine();
    in.turn();
}

void Host::Inside::examine() {
    if (!watches_invariants || !broken_invariant.empty()) return;
    const auto broken = stack->broken_invariant();
    if (!broken) return;
    broken_invariant = face.name() + " at " + text_of(told) + ", port " +
                       std::to_string(broken->flow.local.port) + " to " +
                       std::to_string(broken->flow.remote.port) + ": " + std::string{broken->what};
}

namespace {

// Through the doors from `at` on; `step` is the way, and `last` takes what came through them all.
void pass(const std::vector<Door*>& doors, std::ptrdiff_t at, std::ptrdiff_t step, Packet packet,
          u64& took, u64& added, const Door::Pass& last) {
    if (at < 0 || at >= std::ssize(doors)) return last(std::move(packet));
    u32 passed = 0;
    const Door::Pass on = [&](Packet p) {
        ++passed;
        pass(doors, at + step, step, std::move(p), took, added, last);
    };
    Door& door = *doors[static_cast<std::size_t>(at)];
    step > 0 ? door.leaving(std::move(packet), on) : door.arriving(std::move(packet), on);
    if (passed == 0)
        ++took;
    else
        added += passed - 1;
}

}  // namespace

void Host::Inside::receive_through_doors(PacketBatch&& batch) {
    for (u32 i = 0; i < batch.size(); ++i)
        pass(doors, std::ssize(doors) - 1, -1, batch.take(i), traffic.doors_took_in,
             traffic.doors_added_in, [this](Packet p) {
                 PacketBatch one;
                 one.push(std::move(p));
                 stack->receive(told, interface, std::move(one));
             });
    batch.clear();
}

void Host::Inside::leave(PacketBatch&& batch) {
    if (doors.empty()) {
        traffic.left += batch.size();
        return out->enter(std::move(batch));
    }
    for (u32 i = 0; i < batch.size(); ++i)
        pass(doors, 0, 1, batch.take(i), traffic.doors_took_out, traffic.doors_added_out,
             [this](Packet p) {
                 ++traffic.left;
                 PacketBatch one;
                 one.push(std::move(p));
                 out->enter(std::move(one));
             });
    batch.clear();
}

void Host::Inside::wake() {
    if (!stack) return;
    told = clock();
    stack->advance(told);
    examine();
    turn();
}

void Host::Inside::turn() {
    struct Turn {
        explicit Turn(bool& flag) : in(flag) { in = true; }
        ~Turn() { in = false; }
        bool& in;
    };
    touched = false;
    if (!stack) return;
    if (told != clock()) stack->advance(told = clock());
    {
        const Turn mark(in_turn);
        for (;;) {
            while (!stop_wanted) {
                const auto event = stack->next_event();
                if (!event) break;
                tell(*event);
            }
            if (stop_wanted) break;
            transmit();
            const auto event = stack->next_event();
            if (!event) break;
            tell(*event);
        }
    }
    examine();
    if (stop_wanted) {
        stop_wanted = false;
        return face.stop();
    }
    const Instant next = stack->next_deadline();
    world.schedule.set(*this, next == Instant::max() ? next : std::max(next - ahead, world.now));
}

void Host::Inside::transmit() {
    if (out == nullptr) return;
    for (bool more = true; more;) {
        PacketBatch batch = stack->transmit(told, interface);
        more = batch.full();  // one that is not has emptied the stack
        if (!batch.empty()) leave(std::move(batch));
    }
}

void Host::Inside::tell(const Event& event) {
    world.digest.add(u64{static_cast<u8>(event.kind)} << 32 | u64{event.bits} << 8 |
                     static_cast<u8>(event.error));
    if (event.user == 0) {
        if (on_event) on_event(event);
        return;
    }
    const std::size_t place = event.user - 1;
    switch (event.kind) {
        case Event::Kind::Tcp: return tell_stream(event);
        case Event::Kind::Listener:
            if (place < listeners.size()) accept(listeners[place]);
            return;
        case Event::Kind::Udp:
            if (place < ports.size()) receive(ports[place]);
            return;
        default: return;
    }
}

void Host::Inside::accept(Listening& listening) {
    while (const auto connection = stack->tcp().accept(listening.handle)) {
        const StreamPtr stream = add_stream(*connection);
        if (!stack->tcp().set_user(*connection, stream->slot_ + 1)) continue;
        listening.on_accept(stream);
    }
}

void Host::Inside::receive(Port& port) {
    while (auto datagram = stack->udp().receive(port.handle)) port.receive(std::move(*datagram));
}

void Host::Inside::tell_stream(const Event& event) {
    const std::size_t place = event.user - 1;
    const StreamPtr stream = place < streams.size() ? streams[place] : nullptr;
    if (!stream || !(stream->connection_ == event.connection())) return;
    if ((event.bits & Connected) && stream->on_connected) stream->on_connected();
    if (event.bits & (Readable | PeerClosed)) read(stream, (event.bits & PeerClosed) != 0);
    if (event.bits & (Connected | Writable)) {
        stream->flush();
        if ((event.bits & Writable) && stream->on_writable) stream->on_writable();
    }
    if (!(event.bits & Closed)) return;
    stream->over_ = true;
    read(stream, false);
    stream->status();
    if (stream->on_closed) stream->on_closed(event.error);
    stack->tcp().release(stream->connection_);
    drop_stream(*stream);
}

void Host::Inside::read(const StreamPtr& stream, bool peer_closed) {
    while (stream->on_data) {
        if (stream->paused_ && !stream->over_) return;
        const Result<Slice> slice = stack->tcp().receive(stream->connection_);
        if (!slice) {
            peer_closed = slice.error() == Error::EndOfStream;
            break;
        }
        stream->on_data(slice->bytes());
    }
    if (!peer_closed || std::exchange(stream->ended_, true)) return;
    if (stream->on_end) stream->on_end();
}

}  // namespace tern::sim
