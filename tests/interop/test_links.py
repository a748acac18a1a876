#!/usr/bin/env python3
"""Several links in one runtime: served at the same time, one of them lost, and nothing in between.

The kernel is 10.0.0.1 on tap0 and 10.1.0.1 on tap1; tern is 10.0.0.2 and 10.1.0.2."""
import sys
import threading

from lib_commands import *

k_tern_b, k_kernel_b = "10.1.0.2", "10.1.0.1"
k_both = ("--link", "tap:tap0", "--address", f"{k_tern}/24",
          "--link", "tap:tap1", "--address", f"{k_tern_b}/24")


class LinksWorld(World):
    """Two TAPs, each with a network of its own."""

    def make_device(self):
        super().make_device()
        run("ip", "tuntap", "add", "dev", "tap1", "mode", "tap", "vnet_hdr")
        run("ip", "link", "set", "tap1", "mtu", str(self.mtu), "txqueuelen", "10000")
        run("ip", "addr", "add", f"{k_kernel_b}/24", "brd", "+", "dev", "tap1")
        run("ip", "link", "set", "tap1", "up")


class LinksServer:
    """tern serve --json with several links."""

    def __init__(self, world, where, *words):
        self.process = world.start(command(), "serve", where, "--json", *words,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = Lines(self.process.stdout)
        line = self.lines.next(10)
        if line is None:
            raise Failure(f"no start: {self.process.stderr.read1().decode()}")
        self.ready = json.loads(line)

    def event(self, name):
        """The next event of this name; requests in front of it are passed over."""
        while True:
            line = self.lines.next(10)
            check(line is not None, f"the event {name} did not come")
            event = json.loads(line)
            if event["event"] == name:
                return event

    def end(self, code=0, sign=signal.SIGTERM):
        """(the event of the end, standard error)."""
        if sign:
            self.process.send_signal(sign)
        out, error = self.process.communicate(timeout=15 * k_patience)
        check_equal(self.process.returncode, code, f"exit code: {error.decode()}")
        events = [json.loads(line) for line in (self.lines.rest + out).decode().splitlines()]
        return next(e for e in events if e["event"] == "end"), error.decode()


def fetch(address, path, *words):
    done = subprocess.run(["curl", "-sS", "--max-time", str(20 * k_patience), *words,
                           f"http://{address}{path}"],
                          capture_output=True, timeout=30 * k_patience)
    check(done.returncode == 0, f"curl {address}{path}: {done.stderr.decode()}")
    return done.stdout


def at_once(*calls):
    """Runs the calls at the same time; what they return. A failure of one is that of all."""
    got = [None] * len(calls)

    def call(i):
        try:
            got[i] = calls[i]()
        except Exception as failure:
            got[i] = failure

    threads = [threading.Thread(target=call, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in got:
        if isinstance(result, Exception):
            raise result
    return got


def sha(data):
    return hashlib.sha256(data).hexdigest()


@test()
def both_links_serve_at_the_same_time():
    with folder() as where, LinksWorld() as world:
        whole = fill(where)
        server = LinksServer(world, where, *k_both)
        check_equal([(link["url"], link["link"]) for link in server.ready["links"]],
                    [(f"http://{k_tern}/", "tap:tap0"), (f"http://{k_tern_b}/", "tap:tap1")],
                    "where it serves")
        calls = [lambda a=a: fetch(a, "/big.bin") for a in (k_tern, k_tern_b) * 3]
        for body in at_once(*calls):
            check_equal(sha(body), whole, "big.bin")
        event, _ = server.end()
        check_equal([link["link"] for link in event["links"]], ["tap:tap0", "tap:tap1"], "links")
        for link in event["links"]:
            check(link["packets_in"] > 20 and link["packets_out"] > 20 and not link["lost"],
                  f"a link that did nothing: {link}")
        for what in ("packets_in", "packets_out"):
            check_equal(event[what], sum(link[what] for link in event["links"]), f"all {what}")


@test()
def a_person_is_told_of_each_link():
    with folder() as where, LinksWorld() as world:
        fill(where)
        process = world.start(command(), "serve", where, *k_both, stdout=subprocess.PIPE)
        line = Lines(process.stdout).next(10)
        for part in (f"at http://{k_tern}/ on tap:tap0", f"at http://{k_tern_b}/ on tap:tap1"):
            check(part in line, f"no {part} in: {line}")
        fetch(k_tern_b, "/small.txt")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=15 * k_patience)
        for name in ("tap:tap0", "tap:tap1"):
            check(re.search(rf"^{name}: \d+ packets in, \d+ out$", out.decode(), re.M), out)


@test()
def one_device_is_removed_and_the_other_goes_on():
    with folder() as where, LinksWorld() as world:
        whole = fill(where)
        server = LinksServer(world, where, *k_both)
        check_equal(fetch(k_tern_b, "/small.txt"), b"0123456789", "small.txt")
        slow = world.start("curl", "-sS", "--limit-rate", "3M", "-o", f"{where}/slow.bin",
                           f"http://{k_tern}/big.bin")
        run("ip", "link", "del", "tap1")
        event = server.event("link_lost")
        check_equal(event["link"], "tap:tap1", "the link that is lost")
        check("the device is gone" in event["why"], event["why"])
        check_equal(slow.wait(timeout=60 * k_patience), 0, "what was under way on the other link")
        check_equal(hash_of(f"{where}/slow.bin"), whole, "big.bin")
        check_equal(sha(fetch(k_tern, "/big.bin")), whole, "big.bin, begun after it")
        run("ip", "link", "del", "tap0")
        event, error = server.end(code=3, sign=None)
        check_equal([link["lost"] for link in event["links"]], [True, True], "lost")
        check("tern serve: tap:tap1: the device is gone" in error and "go on" in error, error)
        check("tern: tap:tap0: the device is gone" in error, error)


@test()
def a_link_that_is_lost_is_no_failure_when_the_server_is_stopped():
    with folder() as where, LinksWorld() as world:
        fill(where)
        server = LinksServer(world, where, *k_both)
        run("ip", "link", "del", "tap0")
        check_equal(server.event("link_lost")["link"], "tap:tap0", "the link that is lost")
        check_equal(fetch(k_tern_b, "/small.txt"), b"0123456789", "small.txt")
        event, _ = server.end()
        check_equal([link["lost"] for link in event["links"]], [True, False], "lost")


@test()
def nothing_is_forwarded_from_one_link_to_the_other():
    """The strong host model: neither tern's address on the other link nor a network behind it
    answers, and no packet appears there."""
    with folder() as where, LinksWorld() as world:
        fill(where)
        server = LinksServer(world, where, *k_both, "--route", f"10.77.0.0/24 via {k_kernel_b}",
                             "--counters")
        fetch(k_tern_b, "/small.txt")  # the neighbour there is known
        run("ip", "route", "add", "10.77.0.0/24", "via", k_tern, "dev", "tap0")
        run("ip", "route", "add", f"{k_tern_b}/32", "via", k_tern, "dev", "tap0")
        on_b = world.capture("ip", interface="tap1")
        for address in ("10.77.0.5", k_tern_b):
            answer = run("ping", "-c", "2", "-i", "0.1", "-W", "1", address, ok=False)
            check("0 received" in answer, f"{address} answers by the wrong link: {answer}")
        rows = on_b.read("ip", "ip.dst")
        check_equal(rows, [], "IP packets on the other link")
        server.process.send_signal(signal.SIGTERM)
        out, _ = server.process.communicate(timeout=15 * k_patience)
        counters = next(event for event in map(json.loads, (server.lines.rest + out).splitlines())
                        if event["event"] == "counters")
        check(counters["drops"]["Ipv4NotForUs"] >= 4, f"not told: {counters['drops']}")


@test()
def with_two_default_routes_an_answer_leaves_by_the_link_it_came_in_by():
    with folder() as where, LinksWorld() as world:
        whole = fill(where)
        server = LinksServer(world, where, "--link", "tap:tap0", "--address", f"{k_tern}/24",
                             "--gateway", k_kernel, "--link", "tap:tap1", "--address",
                             f"{k_tern_b}/24", "--gateway", k_kernel_b)
        run("ip", "addr", "add", "192.0.2.1/32", "dev", "tap0")
        run("ip", "addr", "add", "198.51.100.1/32", "dev", "tap1")
        on_a = world.capture("ip", interface="tap0")
        on_b = world.capture("ip", interface="tap1")
        for body in at_once(lambda: fetch(k_tern, "/big.bin", "--interface", "192.0.2.1"),
                            lambda: fetch(k_tern_b, "/big.bin", "--interface", "198.51.100.1")):
            check_equal(sha(body), whole, "big.bin")
        for capture, source, to in ((on_a, k_tern, "192.0.2.1"), (on_b, k_tern_b, "198.51.100.1")):
            rows = capture.read(f"ip.src == {k_tern} or ip.src == {k_tern_b}", "ip.src", "ip.dst")
            pairs = {tuple(row) for row in rows}
            check_equal(pairs, {(source, to)}, "who speaks to whom on this link")
        server.end()


@test()
def links_of_different_kinds():
    with folder() as where, LinksWorld() as world:
        whole = fill(where)
        run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
        run("ip", "link", "set", "veth0", "up")
        run("ip", "addr", "add", "10.2.0.1/24", "dev", "veth1")
        run("ip", "link", "set", "veth1", "up")
        run("ip", "tuntap", "add", "dev", "tun0", "mode", "tun", "vnet_hdr")
        run("ip", "addr", "add", "10.3.0.1/24", "dev", "tun0")
        run("ip", "link", "set", "tun0", "up")
        server = LinksServer(world, where, "--link", "xdp:veth0", "--address", "10.2.0.2/24",
                             *k_both, "--impair", "delay=5ms", "--mtu", "900",
                             "--link", "tun:tun0", "--address", "10.3.0.2/24")
        check_equal([link["link"] for link in server.ready["links"]],
                    ["xdp:veth0", "tap:tap0", "tap:tap1", "tun:tun0"], "links")
        on_b = world.capture("tcp", interface="tap1")
        addresses = ("10.2.0.2", k_tern, k_tern_b, "10.3.0.2")
        for body in at_once(*[lambda a=a: fetch(a, "/big.bin") for a in addresses]):
            check_equal(sha(body), whole, "big.bin")
        offered = on_b.read(f"ip.src == {k_tern_b} and tcp.flags.syn == 1", "tcp.options.mss_val")
        check_equal(offered, [["860"]], "the MSS of the link with an MTU of its own")
        event, _ = server.end()
        for link in event["links"]:
            check(link["packets_out"] > 20, f"a link that did nothing: {link}")


@test()
def an_xdp_device_that_is_removed_is_told():
    with folder() as where, LinksWorld() as world:
        fill(where)
        run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
        run("ip", "link", "set", "veth0", "up")
        run("ip", "addr", "add", "10.2.0.1/24", "dev", "veth1")
        run("ip", "link", "set", "veth1", "up")
        xdp = ("--link", "xdp:veth0", "--address", "10.2.0.2/24")
        server = LinksServer(world, where, *k_both, *xdp)
        check_equal(fetch("10.2.0.2", "/small.txt"), b"0123456789", "small.txt")
        run("ip", "link", "del", "veth0")
        check_equal(server.event("link_lost")["link"], "xdp:veth0", "the link that is lost")
        check_equal(fetch(k_tern_b, "/small.txt"), b"0123456789", "small.txt")
        server.end()
        # One that is alone ends, as with a TAP.
        run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
        run("ip", "link", "set", "veth0", "up")
        server = LinksServer(world, where, *xdp)
        run("ip", "link", "del", "veth0")
        _, error = server.end(code=3, sign=None)
        check("xdp:veth0: the device is gone" in error, error)


@test()
def a_flood_on_one_link_does_not_starve_the_other():
    with folder() as where, LinksWorld() as world:
        whole = fill(where)
        server = LinksServer(world, where, *k_both)
        over = threading.Event()
        sent = 0

        def flood():
            nonlocal sent
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                while not over.is_set():
                    try:
                        sent += sock.sendto(b"x" * 100, (k_tern_b, 9)) > 0
                    except OSError:  # the device's queue is full, or an ICMP error came back
                        pass

        flooder = threading.Thread(target=flood)
        flooder.start()
        try:
            for _ in range(3):
                check_equal(sha(fetch(k_tern, "/big.bin")), whole, "big.bin")
        finally:
            over.set()
            flooder.join()
        check(sent > 1000, f"only {sent} datagrams")
        event, _ = server.end()
        check(event["links"][1]["packets_in"] > 500, f"no flood: {event['links'][1]}")


@test()
def a_capture_names_the_link_of_each_packet():
    with folder() as where, LinksWorld() as world:
        fill(where)
        path = f"{where}/both.pcapng"
        server = LinksServer(world, where, *k_both, "--capture", path)
        at_once(lambda: fetch(k_tern, "/small.txt"), lambda: fetch(k_tern_b, "/small.txt"))
        server.end()
        done = subprocess.run(k_tshark + ["-r", path, "-Y", "ip", "-T", "fields", "-e",
                                          "frame.interface_name", "-e", "ip.src", "-e", "ip.dst"],
                              capture_output=True, text=True, timeout=60 * k_patience)
        seen = set()
        for line in done.stdout.splitlines():
            name, *ends = line.split("\t")
            seen |= {(name, end) for end in ends if end in (k_tern, k_tern_b)}
        check_equal(seen, {("tap:tap0", k_tern), ("tap:tap1", k_tern_b)}, "links and addresses")


@test()
def clients_take_the_link_that_leads_there():
    with folder() as where, LinksWorld() as world:
        whole = fill(where)
        for address in (k_kernel, k_kernel_b):
            code, out, error = tern("ping", address, "-c", "2", "-i", "0.05", *k_both, tap=None)
            check_equal(code, 0, f"ping {address}: {error}")
            check("2 received" in out, out)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((k_kernel_b, 7))
            who = []

            def echo():
                data, peer = sock.recvfrom(2000)
                who.append(peer[0])
                sock.sendto(data, peer)

            threading.Thread(target=echo, daemon=True).start()
            code, out, error = tern("udp", "send", f"{k_kernel_b}:7", "hello", *k_both, tap=None)
            check_equal((code, who), (0, [k_tern_b]), f"udp send: {error}")
        start_http(world, where)
        code, _, error = tern("get", url("/big.bin"), "-o", f"{where}/got", *k_both, tap=None)
        check_equal(code, 0, error)
        check_equal(hash_of(f"{where}/got"), whole, "big.bin")


@test()
def get_ends_with_the_link_it_needs_and_no_other():
    for gone, code in (("tap1", 0), ("tap0", 3)):
        with folder() as where, LinksWorld() as world:
            whole = fill(where)
            start_http(world, where)
            process = world.start(command(), "get", url("/slow/big.bin"), "-o", f"{where}/got",
                                  *k_both, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
            path = pathlib.Path(where, "got")
            wait_until(lambda: path.exists() and path.stat().st_size > 0, 10, "a first byte")
            run("ip", "link", "del", gone)
            _, error = process.communicate(timeout=30 * k_patience)
            check_equal(process.returncode, code, error.decode())
            if code == 0:
                check_equal(hash_of(path), whole, "big.bin")
            else:
                check(b"tap:tap0: the device is gone" in error, error.decode())


if __name__ == "__main__":
    sys.exit(main())
