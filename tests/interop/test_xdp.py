#!/usr/bin/env python3
"""AF_XDP: the command tern at one end of a veth, the kernel at the other."""
import os
import signal
import sys
import threading
import time

from lib_commands import *

k_link = "xdp:veth0"
k_bulk = 300_000_000 if k_long else 100_000_000


class VethWorld(World):
    """veth0 without an address for tern, veth1 for the kernel."""

    def __init__(self, mtu=1500, queues=1):
        super().__init__(mtu)
        self.link = k_link
        self.queues = queues

    def make_device(self):
        queues = ("numrxqueues", str(self.queues), "numtxqueues", str(self.queues))
        run("ip", "link", "add", "veth0", "mtu", str(self.mtu), *queues, "type", "veth",
            "peer", "name", "veth1", "mtu", str(self.mtu), *queues)
        run("ip", "link", "set", "veth0", "up")
        run("ip", "addr", "add", f"{k_kernel}/24", "brd", "+", "dev", "veth1")
        run("ip", "link", "set", "veth1", "up")


def tern_xdp(*words, link=k_link, **options):
    return tern(*words, "--link", link, tap=None, **options)


def programs(interface="veth0"):
    """What of XDP is attached to it, as ip(8) tells it."""
    return [line for line in run("ip", "-d", "link", "show", interface).splitlines()
            if "prog/xdp" in line]


def end_event(out):
    events = [json.loads(line) for line in out.splitlines()]
    return next(event for event in events if event["event"] == "end")


@test()
def xdp_pings_both_ways():
    with folder() as where, VethWorld() as world:
        server = Server(world, where)
        check("on xdp:veth0: queue 0, native XDP, copy mode" in server.ready, server.ready)
        answer = run("ping", "-c", "5", "-i", "0.05", "-s", "1000", "-W", "2", k_tern)
        check("5 received" in answer, answer)
        server.stop()
        code, out, error = tern_xdp("ping", k_kernel, "-c", "3", "--interval", "0.05")
        check_equal(code, 0, f"tern ping: {out}{error}")
        check("3 received" in out, out)


@test()
def xdp_serves_files_whole_whoever_makes_the_sums():
    """First the kernel leaves its checksums to a device that makes none, then it makes them."""
    with folder() as where, VethWorld() as world:
        whole = fill(where)
        for offload in ("on", "off"):
            run("ethtool", "-K", "veth1", "tx", offload)
            capture = world.capture(interface="veth1")
            server = Server(world, where, "--json")
            for _ in range(5):
                check_equal(hashlib.sha256(curl("/big.bin")).hexdigest(), whole, "big.bin")
            check_equal(curl("/small.txt"), b"0123456789", "small.txt")
            out, _ = server.stop()
            event = end_event(out)
            for what in ("refused_in", "refused_out", "unread", "too_long"):
                check_equal(event[what], 0, what)
            capture.clean(at_least=1000)


@test()
def xdp_moves_bulk_both_ways():
    with folder() as here, folder() as there, VethWorld() as world:
        data = os.urandom(1 << 20) * (k_bulk >> 20)
        pathlib.Path(here, "bulk").write_bytes(data)
        start_http(world, here)
        code, out, error = tern_xdp("get", url("/bulk"), "-o", f"{there}/bulk", timeout=100)
        check_equal(code, 0, f"tern get: {out}{error}")
        check_equal(hash_of(f"{there}/bulk"), hash_of(f"{here}/bulk"), "what tern got")
        server = Server(world, here, "--quiet")
        clients = [world.start("curl", "-sS", "-o", f"{there}/{i}", f"http://{k_tern}/bulk")
                   for i in range(2)]
        for i, client in enumerate(clients):
            check_equal(client.wait(timeout=60 * k_patience), 0, "curl")
            check_equal(hash_of(f"{there}/{i}"), hash_of(f"{here}/bulk"), "what curl got")
        server.stop()


@test()
def xdp_takes_large_frames():
    with folder() as where, VethWorld(mtu=3000) as world:
        whole = fill(where)
        server = Server(world, where, "--mtu", "3000")
        check_equal(hashlib.sha256(curl("/big.bin")).hexdigest(), whole, "big.bin")
        answer = run("ping", "-c", "2", "-M", "do", "-s", "2972", "-W", "2", k_tern)
        check("2 received" in answer, answer)
        server.stop()


@test()
def xdp_reads_all_queues_of_its_device():
    with folder() as where, VethWorld(queues=2) as world:
        fill(where)
        server = Server(world, where, "--quiet")
        check("queues 0, 1, native XDP" in server.ready, server.ready)
        for _ in range(20):  # the kernel chooses a queue for each connection
            check_equal(curl("/small.txt"), b"0123456789", "small.txt")
        server.stop()


@test()
def xdp_joins_two_kernels_by_a_wire():
    """Unfinished checksums of one kernel are finished on their way to the other."""
    with VethWorld() as world:
        other = f"{world.name}b"
        run("ip", "netns", "add", other)
        world.closers.append(lambda: run("ip", "netns", "del", other))
        run("ip", "link", "add", "far0", "type", "veth", "peer", "name", "far1", "netns", other)
        run("ip", "link", "set", "far0", "up")
        run("ip", "-n", other, "addr", "add", f"{k_tern}/24", "dev", "far1")
        run("ip", "-n", other, "link", "set", "far1", "up")
        wire = world.start(command(), "wire", k_link, "xdp:far0", "--delay", "2ms", "--json",
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check(Lines(wire.stdout).next(10) is not None, "tern wire did not start")
        answer = run("ping", "-c", "3", "-i", "0.1", "-W", "2", k_tern)
        check("3 received" in answer, answer)
        listener = world.start("ip", "netns", "exec", other, "socat", "-u", "TCP-LISTEN:9,bind="
                               f"{k_tern}", "STDOUT", stdout=subprocess.PIPE)
        stream, got = Stream(3_000_000), []
        reader = threading.Thread(target=lambda: got.append(listener.communicate()[0]))
        reader.start()
        time.sleep(0.3)
        with connect(9) as sock:
            sent = stream.send_all(sock)
        reader.join(20 * k_patience)
        check_equal(hashlib.sha256(got[0]).hexdigest(), sent, "what came through the wire")
        wire.send_signal(signal.SIGTERM)
        check_equal(wire.wait(timeout=10 * k_patience), 0, "exit code of tern wire")


@test()
def xdp_leaves_nothing_behind():
    with folder() as where, VethWorld() as world:
        fill(where)
        for sign in (signal.SIGTERM, signal.SIGKILL):
            server = Server(world, where, "--quiet")
            check_equal(len(programs()), 1, "programs while tern runs")
            server.process.send_signal(sign)
            server.process.wait(timeout=10 * k_patience)
            wait_until(lambda: not programs(), 3, f"the program is gone after {sign.name}")
        server = Server(world, where, "--quiet")
        check_equal(curl("/small.txt"), b"0123456789", "the queue is free again")
        server.stop()


@test()
def xdp_outlives_its_device():
    with folder() as where, VethWorld() as world:
        outlive_device(world, where, "veth0")


k_mistakes = (
    ("xdp:no-such", "ip link add veth0 type veth peer name veth1"),
    ("xdp:veth0:7", "has 1 receive queue, counted from 0: queue 7 is not there"),
    ("xdp:veth0:x", "write the number of a queue, as in xdp:veth0:0"),
    ("xdp:veth0@", "write a namespace after @"),
    ("xdp:veth0@nowhere", "make it with `ip netns add`"),
    ("xdp:lo", "is no Ethernet"),
    ("xdp:down0", "is down: `ip link set down0 up`"),
    ("xdp:veth0", "another program has XDP on it"),
)


@test()
def xdp_mistakes_name_their_remedy():
    with folder() as where, VethWorld() as world:
        run("ip", "link", "add", "down0", "type", "veth", "peer", "name", "down1")
        server = Server(world, where, "--quiet")
        for link, remedy in k_mistakes:
            code, out, error = tern_xdp("ping", k_kernel, "-c", "1", link=link)
            check(code != 0 and remedy in error, f"{link}: {code}, {out}{error}")
            check("libbpf" not in error and "libxdp" not in error, f"{link}: {error}")
        server.stop()
        code, _, error = tern_xdp("ping", k_kernel, user=65534)
        check(code != 0 and "AF_XDP needs root" in error, f"without rights: {code} {error}")


if __name__ == "__main__":
    sys.exit(main())
