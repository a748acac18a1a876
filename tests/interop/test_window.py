#!/usr/bin/env python3
"""Readers that pause: closed windows, probes, lost window updates, keep-alive."""
import sys
import threading
import time

from lib_tern import *

k_some = 4_000_000
k_pause = 1.5


def to_tern(peer, between):
    """The kernel sends to a reader of tern that sleeps; `between` sees the closed window."""
    listener = peer.tell("listen", service="hold", receive_buffer=100_000)
    sock = connect(listener["port"])
    connection = peer.accept(listener["id"])
    sent = Stream(k_some)
    sender = threading.Thread(target=lambda: (sent.send_all(sock), sock.shutdown(socket.SHUT_WR)))
    sender.start()
    wait_until(lambda: peer.tell("status", connection)["rcv_wnd"] == 0, 5, "window closed")
    between(connection)
    got = peer.tell("recv", connection, timeout=20)
    sender.join(timeout=10 * k_patience)
    check_equal((got["bytes"], got["sha"]), (k_some, sent.hash.hexdigest()), "what arrived")
    sock.close()


def from_tern(peer, between):
    """tern sends to a reader of the kernel that sleeps."""
    listener = peer.tell("listen", service="source", bytes=k_some)
    small = lambda sock: sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 30_000)
    sock = connect(listener["port"], before=small)
    connection = peer.accept(listener["id"])
    wait_until(lambda: peer.tell("status", connection)["snd_wnd"] == 0, 5, "window closed")
    between(connection)
    got = receive_all(sock)
    sock.close()
    done = peer.tell("wait", connection)
    check_equal(got, (k_some, done["sent_sha"]), "what arrived")
    check_equal(done["error"], "no error", "tern's end")


def sleep(connection):
    del connection
    time.sleep(k_pause)


@test("RFC9293:MUST-37", "RFC9293:MAY-8", "RFC9293:SHLD-14")
def tern_reads_nothing_for_a_while():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        to_tern(peer, sleep)
        peer.quit()
        window = capture.read(f"ip.src == {k_tern} and tcp.flags.reset == 0 and "
                              "tcp.flags.syn == 0", "tcp.ack", "tcp.window_size")
        edges = [int(row[0]) + int(row[1]) for row in window]
        check(all(a <= b for a, b in zip(edges, edges[1:])), "the right edge moved left")
        answers = sum(1 for row in window if row[1] == "0")
        check(answers >= 3, f"only {answers} acknowledgements of a closed window")
        capture.clean()


@test("RFC9293:MUST-36", "RFC9293:SHLD-29", "RFC9293:SHLD-30", "RFC9293:MUST-35")
def kernel_reads_nothing_for_a_while():
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        from_tern(peer, sleep)
        peer.quit()
        # Between the window's closing and its opening only probes leave, ever more rarely.
        rows = capture.read("tcp", "frame.time_epoch", "ip.src", "tcp.window_size", "tcp.len")
        closed_at, probes = None, []
        for at, source, window, length in rows:
            if source == k_kernel and window == "0":
                closed_at = closed_at or float(at)
            elif source == k_kernel and len(probes) >= 3:
                break
            elif source == k_kernel:
                closed_at, probes = None, []
            elif closed_at:
                check(int(length) <= 1, f"{length} bytes into a closed window")
                probes.append(float(at))
        check(len(probes) >= 3, f"{len(probes)} probes in {k_pause} s")
        gaps = [b - a for a, b in zip([closed_at, *probes], probes)]
        print(f"# gaps between probes: {[round(gap, 3) for gap in gaps]}")
        check(0.15 < gaps[0] < 0.35, "the first probe does not come after an RTO")
        check(all(b > 1.5 * a for a, b in zip(gaps, gaps[1:])), f"no doubling: {gaps}")
        capture.clean()


@test("RFC9293:MUST-36", "RFC9293:MUST-37")
def kernels_window_update_is_lost():
    with World() as world:
        peer = world.peer(impair=1)
        peer.tell("steal-window-updates", **{"from": "kernel"})
        from_tern(peer, sleep)
        counters = peer.quit()
        print(f"# {counters['stolen']} updates stolen")
        check(counters["stolen"] > 0, "no window update was lost")
        check(counters["probes"] > 0, "no probe brought the connection back")


@test("RFC9293:MUST-36", "RFC9293:MUST-37")
def terns_window_update_is_lost():
    with World() as world:
        peer = world.peer(impair=1)
        peer.tell("steal-window-updates", **{"from": "tern"})
        to_tern(peer, sleep)
        counters = peer.quit()
        print(f"# {counters['stolen']} updates stolen")
        check(counters["stolen"] > 0, "no window update was lost")


@test("RFC9293:MUST-39", "RFC9293:U-16")
def tern_reads_in_small_bites():
    """The window never opens by crumbs: each step of the right edge is worth a segment."""
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        listener = peer.tell("listen", service="hold", receive_buffer=20_000)
        sock = connect(listener["port"])
        connection = peer.accept(listener["id"])
        sender = threading.Thread(target=lambda: Stream(60_000).send_all(sock))
        sender.start()
        wait_until(lambda: peer.tell("status", connection)["rcv_wnd"] == 0, 5, "window closed")
        for _ in range(600):
            peer.tell("read-once", connection, max=100)
        sender.join(timeout=10 * k_patience)
        sock.close()
        peer.quit()
        rows = capture.read(f"ip.src == {k_tern} and tcp.flags.syn == 0",
                            "tcp.ack", "tcp.window_size")
        edges = [int(row[0]) + int(row[1]) for row in rows]
        steps = [b - a for a, b in zip(edges, edges[1:]) if b != a]
        check(min(steps) >= 1400, f"steps of the right edge: {sorted(steps)[:5]}")
        capture.clean()


@test("RFC9293:MUST-38", "RFC9293:SHLD-7")
def kernel_reads_in_small_bites():
    """tern waits for room worth a segment instead of filling each crumb."""
    with World() as world:
        capture, peer = world.capture(), world.peer(offloads=0)
        listener = peer.tell("listen", service="source", bytes=60_000)
        small = lambda sock: sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_000)
        sock = connect(listener["port"], before=small)
        peer.accept(listener["id"])
        total = 0
        while piece := sock.recv(100):
            total += len(piece)
        check_equal(total, 60_000, "bytes")
        sock.close()
        peer.quit()
        rows = capture.read(f"ip.src == {k_tern} and tcp.len > 1", "tcp.len")
        tiny = sum(1 for row in rows if int(row[0]) < 500)
        check(tiny <= 3, f"{tiny} of {len(rows)} segments are tiny")
        capture.clean()


@test("RFC9293:MUST-24", "RFC9293:MUST-27", "RFC9293:MAY-5", "RFC9293:SHLD-12",
      "RFC9293:MUST-29")
def keep_alive_of_tern():
    with World() as world:
        capture, peer = world.capture(), world.peer(impair=1, offloads=0)
        listener = peer.tell("listen", service="hold", keep_alive=1, keep_alive_idle=300,
                             keep_alive_interval=300, keep_alive_probes=3)
        sock = connect(listener["port"])
        connection = peer.accept(listener["id"])
        time.sleep(2)
        check_equal(peer.tell("status", connection)["state"], "ESTABLISHED", "with answers")
        peer.tell("impair", **{"in": "loss=1"})
        closed = peer.tell("wait", connection, **{"for": "closed"})
        check_equal(closed["error"], "the peer has not acknowledged in time", "without answers")
        sock.close()
        peer.quit()
        probes = capture.read(f"ip.src == {k_tern} and tcp.flags.syn == 0 and "
                              "tcp.flags.reset == 0", "tcp.len")
        check(len(probes) >= 6, f"{len(probes)} probes")
        check(all(row[0] == "0" for row in probes), "a probe carries data")


@test("RFC9293:U-7")
def keep_alive_of_the_kernel():
    with World() as world:
        peer = world.peer(impair=1)
        listener = peer.tell("listen", service="hold")
        sock = connect(listener["port"])
        peer.accept(listener["id"])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1),
                              (socket.TCP_KEEPCNT, 20)):  # tern may have to wait for a core
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        sock.settimeout(3.5)
        try:
            sock.recv(1)
        except TimeoutError:
            pass  # tern answers, so nothing happens
        peer.tell("impair", out="loss=1")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
        sock.settimeout(10 * k_patience)
        try:
            sock.recv(1)
            raise Failure("the kernel did not give up")
        except OSError as error:
            check(not isinstance(error, ConnectionResetError), f"{error}")
        sock.close()


if __name__ == "__main__":
    sys.exit(main())
