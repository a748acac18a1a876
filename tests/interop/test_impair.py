#!/usr/bin/env python3
"""A bad network between tern and the kernel: not one byte may be wrong."""
import sys
import threading
import time

from lib_tern import *

k_some = 3_000_000


def through(impairments, sack=True, offloads=True, total=k_some, more=()):
    """Bytes both ways at once through the same faults in both directions."""
    off = {} if sack else {"net.ipv4.tcp_sack": 0}
    with World(sysctl=off) as world:
        peer = world.peer(offloads=int(offloads), out=impairments, seed=len(impairments),
                          **{"in": impairments})
        listener = peer.tell("listen", service="source", bytes=total)
        sock = connect(listener["port"], timeout=40)
        connection = peer.accept(listener["id"], timeout=40)
        sent = Stream(total)
        sender = threading.Thread(
            target=lambda: (sent.send_all(sock), sock.shutdown(socket.SHUT_WR)))
        start = time.monotonic()
        sender.start()
        got = receive_all(sock)
        sender.join(timeout=40 * k_patience)
        done = peer.tell("wait", connection, timeout=40)
        seconds = time.monotonic() - start
        sock.close()
        counters = peer.tell("counters")
        world.closers.remove(peer.close)  # frames may still be on their way: ended below
        world.closers.append(peer.close)
        print(f"# {total * 16 / seconds / 1e6:.1f} Mbit/s both ways, "
              f"{counters['retransmissions']} retransmissions, drops {counters['drops']}, "
              f"out {counters['impair_out']}, in {counters['impair_in']}")
        check_equal(got, (total, done["sent_sha"]), "from tern")
        check_equal((done["received"], done["received_sha"]), (total, sent.hash.hexdigest()),
                    "to tern")
        check_equal(done["error"], "no error", "tern's end")
        for what in more:
            for way in ("impair_out", "impair_in"):
                check(counters[way][what] > 0, f"{way}: nothing {what}")
        peer.quit()


@test("RFC5681:6", "RFC6298:4", "RFC9293:SHLD-31", seconds=60)
def loss():
    through("loss=0.01", more=["lost"])


@test("RFC6582:1", seconds=60)
def loss_without_sack():
    through("loss=0.01", sack=False, more=["lost"])


@test(seconds=60)
def loss_without_offloads():
    through("loss=0.01", offloads=False, more=["lost"])


@test("RFC5681:5", "RFC9293:SHLD-31", seconds=60)
def reordering():
    through("reorder=0.05,reorder_by=1", more=["reordered"])


@test(seconds=60)
def reordering_without_sack_and_offloads():
    through("reorder=0.05,reorder_by=1", sack=False, offloads=False, more=["reordered"])


@test("RFC9293:U-7", seconds=60)
def duplication():
    through("dup=0.1", more=["duplicated"])


def tcp_counters():
    """TcpExt of the namespace that this thread is in."""
    with open("/proc/thread-self/net/netstat", encoding="ascii") as file:
        names, values = [line.split()[1:] for line in file if line.startswith("TcpExt:")]
    return dict(zip(names, map(int, values)))


@test("RFC2883:1", seconds=60)
def the_kernel_understands_duplicate_sack():
    """What came twice is told: below the acknowledgement, and within a block behind a hole."""
    with World() as world:
        peer = world.peer(offloads=0, seed=3,
                          **{"in": "dup=0.2,loss=0.02,reorder=0.05,reorder_by=2"})
        listener = peer.tell("listen", service="sink")
        before = tcp_counters()
        sent = Stream(k_some)
        with connect(listener["port"]) as sock:
            connection = peer.accept(listener["id"])
            sent.send_all(sock)
            sock.shutdown(socket.SHUT_WR)
            done = peer.tell("wait", connection, timeout=40)
        check_equal((done["received"], done["received_sha"]), (k_some, sent.hash.hexdigest()),
                    "to tern")
        doubled = peer.tell("counters")["impair_in"]["duplicated"]
        told = {name: value - before[name] for name, value in tcp_counters().items()
                if name.startswith("TCPDSACK") and value != before[name]}
        print(f"# {doubled} frames doubled; {told}")
        # A batch of frames is told of with one block: the last duplicate in it.
        check(doubled > 100, "frames were doubled")
        check(told.get("TCPDSACKRecv", 0) > 0, "duplicates below the acknowledgement")
        check(told.get("TCPDSACKOfoRecv", 0) > 0, "duplicates within a block")


@test(seconds=60)
def duplication_without_sack_and_offloads():
    through("dup=0.1", sack=False, offloads=False, more=["duplicated"])


@test("RFC9293:MUST-3", "RFC1122:2", seconds=60)
def corruption():
    through("corrupt=0.01", more=["corrupted"])


@test("RFC9293:MUST-3", seconds=60)
def corruption_without_sack_and_offloads():
    through("corrupt=0.01", sack=False, offloads=False, more=["corrupted"])


@test()
def tshark_would_see_it():
    """The instrument itself: a capture of frames that were spoilt must not pass for clean."""
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0, out="corrupt=0.2")
        listener = peer.tell("listen", service="source", bytes=100_000)
        with connect(listener["port"]) as sock:
            check_equal(receive_all(sock)[0], 100_000, "bytes")
        try:
            capture.clean()
        except Failure as failure:
            print(f"# as it should: {failure}")
            return
        raise Failure("spoilt frames passed for clean")


@test(seconds=90)
def everything_at_once():
    through("loss=0.005,reorder=0.02,reorder_by=2,dup=0.02,corrupt=0.005,delay=2,jitter=1",
            more=["lost", "reordered", "duplicated", "corrupted"])


@test(seconds=90)
def everything_without_sack_and_offloads():
    through("loss=0.005,reorder=0.02,reorder_by=2,dup=0.02,corrupt=0.005,delay=2,jitter=1",
            sack=False, offloads=False, more=["lost", "reordered", "duplicated", "corrupted"])


@test("RFC9293:MUST-22", "RFC6298:5", seconds=60)
def handshakes_and_ends_through_loss():
    """200 short connections, each of whose segments is lost with a probability of one in ten."""
    with World() as world:
        peer = world.peer(out="loss=0.1", **{"in": "loss=0.1"})
        peer.tell("listen", port=80, service="source", bytes=100, backlog=300)
        failures, threads = [], []

        def client():
            try:
                with connect(80, timeout=40) as sock:
                    check_equal(receive_all(sock)[0], 100, "bytes")
            except (OSError, Failure) as error:
                failures.append(str(error))

        for _ in range(200):
            threads.append(threading.Thread(target=client))
            threads[-1].start()
        for thread in threads:
            thread.join(timeout=45 * k_patience)
        check_equal(failures, [], "clients")
        peer.tell("impair")
        wait_until(lambda: peer.tell("totals")["done"] == 200, 30, "tern's ends")
        check_equal(peer.tell("totals")["errors"], {}, "errors at tern")


if __name__ == "__main__":
    sys.exit(main())
