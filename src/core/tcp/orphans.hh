// Orphans: connections that the application has released and that are not over. They are kept in
// the order in which their peers made progress last, so that the one that has waited longest can go
// first when there are too many (docs/decisions/0025-orphans.md).
#pragma once

#include "core/base/pool.hh"
#include "core/tcp/records.hh"

namespace tern::tcp {

class Orphans {
public:
    // The youngest of those that wait for the same. It must be in no list.
    void add(Pool<Tcb>& tcbs, Tcb& tcb, OrphanWait wait) {
        tcb.orphan = wait;
        Links links{&tcbs};
        age_push(list_of(wait), links, tcb.self);
    }
    // One that is no orphan stays as it is.
    void remove(Pool<Tcb>& tcbs, Tcb& tcb) {
        if (tcb.orphan == OrphanWait::Nothing) return;
        Links links{&tcbs};
        age_remove(list_of(tcb.orphan), links, tcb.self);
        tcb.orphan = OrphanWait::Nothing;
    }
    // Among those that wait for this; 0: there is none.
    Handle<Tcb> oldest(OrphanWait wait) const {
        return wait == OrphanWait::Delivery ? delivery_.head : peer_fin_.head;
    }
    u32 count() const { return delivery_.count + peer_fin_.count; }

private:
    struct Links {
        Pool<Tcb>* tcbs;
        OrphanLinks& operator[](Handle<Tcb> i) const { return (*tcbs)[i].orphan_links; }
    };
    AgeList<Tcb>& list_of(OrphanWait wait) {
        return wait == OrphanWait::Delivery ? delivery_ : peer_fin_;
    }

    AgeList<Tcb> delivery_, peer_fin_;
};

}  // namespace tern::tcp
