// A host's life and its calls; what happens within its turn is in host_turn.cc.
#include <array>
#include <bit>

#include "core/base/assert.hh"
#include "lab/sim/host_inside.hh"

namespace tern::sim {

namespace {

using Words = std::array<u64, sizeof(Counters) / sizeof(u64)>;

void add(Counters& to, const Counters& more) {
    auto sum = std::bit_cast<Words>(to);
    const auto terms = std::bit_cast<Words>(more);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += terms[i];
    to = std::bit_cast<Counters>(sum);
}

}  // namespace

Host::Host(WorldInside& world, std::string name, Cidr address, const HostOptions& options)
    : Node(std::move(name)), inside_(std::make_unique<Inside>(world, *this, address, options)) {}

Host::~Host() { inside_->power_off(); }

IpAddress Host::address() const { return inside_->address.address; }
bool Host::is_up() const { return inside_->stack.has_value(); }
Instant Host::clock() const { return inside_->clock(); }

u32 Host::attach(Lane& out) {
    inside_->out = &out;
    inside_->boot();
    return 0;
}

void Host::Inside::boot() {
    ++starts;
    StackConfig config;
    config.seed = world.derive("host " + face.name(), starts);
    config.memory_limit = options.memory_limit;
    config.pool = &world.pool;
    config.observer = observer;
    config.limits = options.limits;
    stack.emplace(config);
    told = Instant::min();
    interface =
        stack->add_interface({.name = out->name(), .medium = Medium::Ip, .mtu = out->full_mtu()})
            .value();
    check(stack->add_address(interface, address).has_value());
    check(stack->add_route({Ipv4Address::unspecified(), 0}, interface).has_value());
    for (const auto& program : programs) face.after({}, program);
}

void Host::Inside::power_off() {
    for (const StreamPtr& stream : streams)
        if (stream) stream->forget();
    streams.clear();
    free_streams.clear();
    listeners.clear();
    ports.clear();
    if (stack) add(past, stack->counters());
    stack.reset();
    world.schedule.set(*this, Instant::max());
}

void Host::stop() {
    if (!is_up()) return;
    if (inside_->in_turn) {
        inside_->stop_wanted = true;
        return;
    }
    inside_->world.note("stop " + name());
    inside_->power_off();
}

void Host::start() {
    if (is_up() || inside_->out == nullptr) return;
    inside_->world.note("start " + name());
    inside_->boot();
}

void Host::on_start(std::function<void()> program) {
    inside_->programs.push_back(std::move(program));
    if (is_up()) after({}, inside_->programs.back());
}

void Host::after(Duration delay, std::function<void()> action) {
    Inside& in = *inside_;
    in.world.at(in.world.now + delay, [&in, born = in.starts, run = std::move(action)] {
        if (in.stack && in.starts == born) run();
    });
}

// The stack learns the time before it is called, and sends afterwards what the call made of it.
Stack& Host::stack() {
    Inside& in = *inside_;
    if (!in.stack)
        throw std::logic_error("host " + name() + " is down, or has no wire yet: it has no stack");
    if (in.told != in.clock()) in.stack->advance(in.told = in.clock());
    in.touch();
    return *in.stack;
}

void Host::Inside::touch() {
    if (in_turn || touched) return;
    touched = true;
    world.touched.push_back(&face);
}

StreamPtr Host::connect(Endpoint to, const ConnectOptions& wanted) {
    StreamPtr stream = inside_->add_stream({});
    ConnectOptions options = wanted;
    options.user = stream->slot_ + 1;
    const auto connection = stack().tcp().connect(to, options);
    if (connection) {
        stream->connection_ = *connection;
        return stream;
    }
    after({}, [this, stream, error = connection.error()] {
        if (stream->on_closed) stream->on_closed(error);
        inside_->drop_stream(*stream);
    });
    return stream;
}

void Host::listen(u16 port, std::function<void(StreamPtr)> on_accept, const ListenOptions& wanted) {
    ListenOptions options = wanted;
    options.local.port = port;
    options.user = inside_->listeners.size() + 1;
    const auto listener = stack().tcp().listen(options);
    if (!listener)
        throw std::invalid_argument("host " + name() + " cannot listen at port " +
                                    std::to_string(port) + ": " +
                                    std::string{message_of(listener.error())});
    inside_->listeners.push_back({*listener, std::move(on_accept)});
}

void Host::on_datagram(u16 port, std::function<void(Datagram)> receive) {
    UdpOptions options;
    options.local.port = port;
    options.user = inside_->ports.size() + 1;
    const auto socket = stack().udp().open(options);
    if (!socket)
        throw std::invalid_argument("host " + name() + " cannot open UDP port " +
                                    std::to_string(port) + ": " +
                                    std::string{message_of(socket.error())});
    inside_->ports.push_back({port, *socket, std::move(receive)});
}

Result<void> Host::send_datagram(u16 from, Endpoint to, std::span<const std::byte> data) {
    for (const Inside::Port& port : inside_->ports)
        if (port.number == from) return stack().udp().send(port.handle, data, to);
    return std::unexpected(Error::NotConnected);
}

void Host::on_event(std::function<void(const Event&)> told) { inside_->on_event = std::move(told); }

void Host::observe(Observer* observer) {
    inside_->observer = observer;
    if (inside_->stack) inside_->stack->set_observer(observer);
}

const HostTraffic& Host::traffic() const { return inside_->traffic; }
void Host::watch_invariants() { inside_->watches_invariants = true; }
const std::string& Host::broken_invariant() const { return inside_->broken_invariant; }
u64 Host::memory_limit() const { return inside_->options.memory_limit; }
void Host::add_door(Door& door) { inside_->doors.push_back(&door); }

Observer* Host::observer() const { return inside_->observer; }

Counters Host::counters() const {
    Counters all = inside_->past;
    if (inside_->stack) add(all, inside_->stack->counters());
    return all;
}

}  // namespace tern::sim
