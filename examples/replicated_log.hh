// A replicated log after Raft (Ongaro and Ousterhout, 2014) in less than two hundred lines: leader
// election and log replication over TCP. It knows nothing of being simulated but the names of the
// calls. Disk is what a Replica keeps through a restart of its host; there are no snapshots.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tern/sim.hh"

class Replica {
public:
    struct Entry {
        std::uint64_t term;
        std::string text;  // one word
        bool operator==(const Entry&) const = default;
    };
    struct Member {
        tern::sim::Host* host;
        tern::sim::StreamPtr stream = {};   // from us to it
        std::uint64_t next = 1, match = 0;  // for a leader: Raft's nextIndex and matchIndex
    };

    // `quorum`: how many must agree; a majority, unless you want to see it go wrong.
    Replica(tern::sim::World& world, const std::vector<tern::sim::Host*>& hosts, unsigned self,
            unsigned quorum)
        : world_(world), host_(*hosts[self]), self_(self), quorum_(quorum),
          dice_(world.seed_for("replica " + std::to_string(self))) {
        for (tern::sim::Host* host : hosts) members_.push_back({host});
        host_.on_start([this] { start(); });
    }

    bool is_leader() const { return role_ == Role::Leader && host_.is_up(); }
    void propose(std::string text) {
        log_.push_back({term_, std::move(text)});
        for (unsigned i = 0; i < members_.size(); ++i) append_to(i);
        count_matches();
    }
    const std::vector<Entry>& log() const { return log_; }
    std::uint64_t committed() const { return committed_; }

private:
    enum class Role { Follower, Candidate, Leader };
    static constexpr tern::u16 k_port = 5000;
    static constexpr auto k_heartbeat = std::chrono::milliseconds(50);

    void start() {
        role_ = Role::Follower;
        committed_ = 0;
        for (Member& m : members_) m.stream = nullptr;
        host_.listen(k_port, [this](const tern::sim::StreamPtr& s) {
            s->on_data = [this, line = std::string()](std::span<const std::byte> bytes) mutable {
                for (const std::byte b : bytes) {
                    if (b != std::byte{'\n'}) {
                        line += static_cast<char>(b);
                        continue;
                    }
                    receive(std::istringstream(std::exchange(line, {})));
                }
            };
            s->on_end = [p = s.get()] { p->close(); };
        });
        wait_for_leader();
        tick();
    }

    void tick() {
        if (role_ == Role::Leader)
            for (unsigned i = 0; i < members_.size(); ++i) append_to(i);
        else if (world_.now() >= patience_ends_)
            stand_for_election();
        host_.after(k_heartbeat, [this] { tick(); });
    }
    void wait_for_leader() {
        patience_ends_ = world_.now() + std::chrono::milliseconds(300 + dice_() % 300);
    }
    void follow(std::uint64_t term) {
        if (term > term_) voted_for_ = -1;
        term_ = term;
        role_ = Role::Follower;
    }

    void stand_for_election() {
        ++term_;
        role_ = Role::Candidate;
        voted_for_ = static_cast<int>(self_);
        votes_ = {self_};
        wait_for_leader();
        for (unsigned i = 0; i < members_.size(); ++i)
            send(i, 'V', log_.size(), term_at(log_.size()));
        if (votes_.size() >= quorum_) lead();
    }
    void lead() {
        role_ = Role::Leader;
        for (Member& m : members_) m.next = log_.size() + 1, m.match = 0;
        propose("leader" + std::to_string(self_));  // only entries of its own term count as agreed
    }

    std::uint64_t term_at(std::uint64_t index) const {
        return index > 0 ? log_[index - 1].term : 0;
    }
    void append_to(unsigned i) {
        const std::uint64_t index = members_[i].next;
        const bool more = index <= log_.size();
        send(i, 'A', index - 1, term_at(index - 1), committed_, more ? log_[index - 1].term : 0,
             more ? log_[index - 1].text : "-");
    }

    template <class... Fields>
    void send(unsigned to, char kind, const Fields&... fields) {
        if (to == self_) return;
        tern::sim::StreamPtr& stream = members_[to].stream;
        if (!stream || !stream->alive()) {
            tern::ConnectOptions options;  // one that is stuck is given up, and made again
            options.options.user_timeout = std::chrono::seconds(1);
            options.options.no_delay = true;  // or each line waits for the one before it
            stream = host_.connect(*members_[to].host, k_port, options);
        }
        std::ostringstream line;
        line << kind << ' ' << self_ << ' ' << term_;
        ((line << ' ' << fields), ...);
        stream->send(line.str() + "\n");
    }

    void receive(std::istringstream in) {
        char kind = 0;
        unsigned from = 0;
        std::uint64_t term = 0;
        in >> kind >> from >> term;
        if (term > term_) follow(term);
        if (kind == 'V') vote(in, from, term);
        if (kind == 'A') append(in, from, term);
        if (term != term_) return;  // an answer to what we were once
        std::uint64_t granted = 0, index = 0;
        in >> granted >> index;
        if (kind == 'v' && granted != 0 && role_ == Role::Candidate) {
            if (std::ranges::find(votes_, from) == votes_.end()) votes_.push_back(from);
            if (votes_.size() >= quorum_) lead();
        }
        if (kind == 'a' && role_ == Role::Leader) answered(from, granted != 0, index);
    }

    void vote(std::istringstream& in, unsigned from, std::uint64_t term) {
        std::uint64_t index = 0, last_term = 0;
        in >> index >> last_term;
        const std::uint64_t ours = term_at(log_.size());
        const bool knows_more = last_term > ours || (last_term == ours && index >= log_.size());
        const bool free = voted_for_ == -1 || voted_for_ == static_cast<int>(from);
        const bool granted = term == term_ && knows_more && free;
        if (granted) voted_for_ = static_cast<int>(from), wait_for_leader();
        send(from, 'v', granted, 0);
    }

    void append(std::istringstream& in, unsigned from, std::uint64_t term) {
        std::uint64_t before = 0, before_term = 0, committed = 0, entry_term = 0;
        std::string text;
        in >> before >> before_term >> committed >> entry_term >> text;
        if (term < term_) return send(from, 'a', 0, 0);
        follow(term);
        wait_for_leader();
        if (before > log_.size() || term_at(before) != before_term)
            return send(from, 'a', 0, std::min<std::uint64_t>(before - 1, log_.size()));
        if (entry_term != 0) {
            if (log_.size() > before && log_[before].term != entry_term) log_.resize(before);
            if (log_.size() == before) log_.push_back({entry_term, text});
            ++before;
        }
        committed_ = std::max(committed_, std::min(committed, before));
        send(from, 'a', 1, before);
    }

    void answered(unsigned from, bool matches, std::uint64_t index) {
        Member& m = members_[from];
        if (matches) m.match = std::max(m.match, index);
        m.next = matches ? m.match + 1 : index + 1;
        if (!matches || m.next <= log_.size()) append_to(from);
        count_matches();
    }
    void count_matches() {
        for (std::uint64_t n = log_.size(); n > committed_ && log_[n - 1].term == term_; --n) {
            unsigned holders = 1;
            for (unsigned i = 0; i < members_.size(); ++i)
                holders += i != self_ && members_[i].match >= n;
            if (holders >= quorum_) committed_ = n;
        }
    }

    tern::sim::World& world_;
    tern::sim::Host& host_;
    unsigned self_, quorum_;
    std::mt19937_64 dice_;
    std::vector<Member> members_;
    // On disk.
    std::uint64_t term_ = 0;
    int voted_for_ = -1;
    std::vector<Entry> log_;
    // In memory.
    Role role_ = Role::Follower;
    std::uint64_t committed_ = 0;
    std::vector<unsigned> votes_;
    tern::Instant patience_ends_{};
};
