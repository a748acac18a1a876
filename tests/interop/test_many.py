#!/usr/bin/env python3
"""Many connections: at the same time, and one after another."""
import selectors
import sys
import threading
import time

from lib_tern import *


class Client:
    """One of a thousand: sends its bytes, and wants them back."""

    def __init__(self, port, data):
        self.data = data
        self.sent = self.got = 0
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex((k_tern, port))

    def work(self, events):
        """True: everything came back and the stream has ended."""
        if events & selectors.EVENT_WRITE and self.sent < len(self.data):
            self.sent += self.sock.send(self.data[self.sent:])
            if self.sent == len(self.data):
                self.sock.shutdown(socket.SHUT_WR)
        if events & selectors.EVENT_READ:
            piece = self.sock.recv(65536)
            check(piece == self.data[self.got:self.got + len(piece)], "other bytes came back")
            self.got += len(piece)
            if not piece:
                check_equal(self.got, len(self.data), "bytes that came back")
                return True
        return False


def exchange(clients):
    selector, left = selectors.DefaultSelector(), len(clients)
    both = selectors.EVENT_READ | selectors.EVENT_WRITE
    for client in clients:
        selector.register(client.sock, both, client)
    deadline = time.monotonic() + 40
    while left:
        check(time.monotonic() < deadline, f"{left} clients still wait")
        for key, events in selector.select(1):
            client = key.data
            if client.work(events):
                selector.unregister(client.sock)
                client.sock.close()
                left -= 1
            elif client.sent == len(client.data) and key.events & selectors.EVENT_WRITE:
                selector.modify(client.sock, selectors.EVENT_READ, client)


@test("RFC9293:U-12", seconds=60)
def thousand_clients_at_once():
    count, size = 1000, 40_000
    with World(sysctl={"net.core.somaxconn": 2048}) as world:
        peer = world.peer()
        peer.tell("listen", port=7, service="echo", backlog=2000, syn_backlog=2000)
        data = os.urandom(size + count)
        clients = [Client(7, data[i:i + size]) for i in range(count)]
        wait_until(lambda: peer.tell("counters")["connections"] == count, 20, "all at once")
        exchange(clients)
        totals = peer.tell("totals")
        print(f"# {totals}")
        check_equal(totals["done"], count, "served connections")
        check_equal(totals["errors"], {}, "errors")
        check_equal(totals["received"], count * size, "bytes")
        peer.quit()


@test("RFC4987:1")
def handshakes_by_cookie():
    """Without a SYN queue every handshake is a cookie; the kernel's PAWS must find nothing old."""
    with World() as world:
        peer = world.peer()
        peer.tell("listen", port=80, service="source", bytes=1, backlog=100, syn_backlog=0)
        for _ in range(30):
            with connect(80) as sock:
                check_equal(len(receive_exactly(sock, 1)), 1, "the byte")
            time.sleep(0.003)
        counters = run("nstat", "-asz", "TcpExtPAWSEstab", "TcpRetransSegs")
        for name in ("TcpExtPAWSEstab", "TcpRetransSegs"):
            check(re.search(rf"{name} +0 ", counters), counters)
        check(peer.tell("counters")["cookies_sent"] >= 30, "no cookies were sent")
        peer.quit()


@test("RFC6191:1", "RFC9293:SHLD-4", "RFC9293:MAY-2", "RFC9293:MUST-13", seconds=60)
def short_connections_to_tern():
    """tern closes first and keeps each TIME-WAIT; 4,000 ports make the kernel use each again."""
    count, ports = 20_000, 4_000
    with World(sysctl={"net.ipv4.ip_local_port_range": f"20000 {20000 + ports - 1}"}) as world:
        peer = world.peer(sanitized=False)
        peer.tell("listen", port=80, service="source", bytes=1, backlog=1024)
        start = time.monotonic()
        for _ in range(count):
            with connect(80) as sock:
                check(len(receive_exactly(sock, 2)) == 1, "not one byte")
        seconds = time.monotonic() - start
        totals, counters = peer.tell("totals"), peer.quit()
        print(f"# {count / seconds:.0f} connections a second; {counters}")
        check_equal((totals["opened"], totals["errors"]), (count, {}), "connections and errors")
        check(counters["time_waits"] <= ports, f"{counters['time_waits']} TIME-WAITs")


def serve_shortly(listener, count, failures):
    """Accepts, reads one byte and the end, closes; `count` times."""
    try:
        for _ in range(count):
            sock, _ = accept(listener)
            with sock:
                check(len(receive_exactly(sock, 2)) == 1, "not one byte")
    except (OSError, Failure) as error:
        failures.append(str(error))


@test("RFC9293:MUST-13", "RFC6056:1", seconds=60)
def short_connections_from_tern():
    count, batch = 20_000, 200
    with World(sysctl={"net.core.somaxconn": 4096}) as world:
        peer = world.peer(sanitized=False)
        listener = listen(backlog=4096)
        port, failures = listener.getsockname()[1], []
        server = threading.Thread(target=serve_shortly, args=(listener, count, failures))
        server.start()
        start = time.monotonic()
        for done in range(0, count, batch):
            last = peer.tell("connect", to=f"{k_kernel}:{port}", service="source", bytes=1,
                             count=batch)["id"]
            peer.tell("wait", last, timeout=20)
        server.join(timeout=30 * k_patience)
        wait_until(lambda: peer.tell("totals")["done"] >= count, 20, "all connections over")
        seconds = time.monotonic() - start
        totals, counters = peer.tell("totals"), peer.quit()
        listener.close()
        print(f"# {count / seconds:.0f} connections a second; {counters}")
        check_equal(failures, [], "the kernel's side")
        check_equal((totals["done"], totals["errors"]), (count, {}), "connections and errors")


if __name__ == "__main__":
    sys.exit(main())
