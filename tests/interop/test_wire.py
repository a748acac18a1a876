#!/usr/bin/env python3
"""tern wire between two kernels: what was asked for is what ping, TCP and tshark see."""
import re
import sys
import threading
import time

from lib_tern import *

k_left, k_right = "10.9.0.1", "10.9.0.2"


def command():
    path = k_release / "tern"
    check(path.exists(), f"no tern in {k_release}: build the preset release")
    return str(path.resolve())


def median(values):
    return sorted(values)[len(values) // 2]


class Cable:
    """Two namespaces of our own, left and right, joined by `tern wire`; report() ends it."""

    count = 0

    def __init__(self, *words, kind="tap", sysctl=()):
        Cable.count += 1
        self.names = [f"{k_prefix}{side}{Cable.count}" for side in "lr"]
        self.words, self.kind, self.sysctl = words, kind, dict(sysctl)
        self.process, self.others = None, []

    def __enter__(self):
        try:
            for name in self.names:
                run("ip", "netns", "add", name)
                self.settings(name)
            ends = [f"{self.kind}:w{side}@{name}" for side, name in zip("ab", self.names)]
            self.process = subprocess.Popen([command(), "wire", *ends, "--json", *self.words],
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.lines = Lines(self.process.stdout)
            ready = self.lines.next(10)
            if ready is None:
                raise Failure(f"tern wire did not start: {self.process.communicate()[1].decode()}")
            self.ready = json.loads(ready)
            self.addresses()
        except BaseException:
            self.leave()
            raise
        return self

    def settings(self, name):
        """No IPv6 noise, no memory of earlier connections, and what the test asks for."""
        all_of_them = {"net.ipv6.conf.all.disable_ipv6": 1, "net.ipv4.tcp_no_metrics_save": 1,
                       **self.sysctl}
        run("ip", "netns", "exec", name, "sysctl", "-qw",
            *[f"{key}={value}" for key, value in all_of_them.items()])

    def addresses(self):
        for (side, name), mine in zip(zip("ab", self.names), (k_left, k_right)):
            run("ip", "-n", name, "addr", "add", f"{mine}/24", "dev", f"w{side}")
            run("ip", "-n", name, "link", "set", f"w{side}", "up")

    def inside(self, side, *words, **options):
        return run("ip", "netns", "exec", self.names[side], *words, **options)

    @contextlib.contextmanager
    def entered(self, side):
        """This thread in one of the namespaces: sockets that it opens belong there."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.names[side]}", os.O_RDONLY)
        try:
            enter_namespace(there)
            yield
        finally:
            enter_namespace(home)
            os.close(there)
            os.close(home)

    def start(self, side, *words, **options):
        process = subprocess.Popen(["ip", "netns", "exec", self.names[side], *words], **options)
        self.others.append(process)
        return process

    def report(self, sign=signal.SIGINT):
        """Ends the wire as Ctrl-C does: the records of both directions."""
        self.process.send_signal(sign)
        out, error = self.process.communicate(timeout=10 * k_patience)
        check_equal(self.process.returncode, 0, f"exit code: {error.decode()}")
        self.records = [json.loads(line) for line in (self.lines.rest + out).splitlines()]
        forth, back = [r for r in self.records if r["event"] == "direction"]
        for way in (forth, back):
            print(f"# {way['way']}: {way['sent']} packets, late p99 {way['late_p99_us']} us, most "
                  f"{way['late_max_us']} us, kept up: {way['kept_up']}")
        return forth, back

    def leave(self):
        for process in (*self.others, self.process):
            if process is not None:
                end(process)
        for name in self.names:
            run("ip", "netns", "del", name, ok=False)

    def __exit__(self, *error):
        self.leave()
        return False


def ping(cable, count, interval, *words):
    """(round trips in milliseconds, packets lost) of ping from left to right."""
    out = cable.inside(0, "ping", "-n", "-c", str(count), "-i", str(interval), "-W", "1", *words,
                       k_right, ok=False, timeout=30)
    times = [float(t) for t in re.findall(r"time=([\d.]+) ms", out)]
    sent, got = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", out).groups())
    return times, sent - got


def check_fastest(cable, times, delay):
    """No round trip is shorter than the delays (ms); the fastest is hardly longer. The others are
    as late as the machine is busy, and how late the wire was it says itself. Where all were late,
    there are more."""
    for _ in range(k_patience):
        print(f"# median {median(times)} ms, {min(times)} to {max(times)} ms")
        if min(times) < delay + 2:
            break
        times = times + ping(cable, 60, 0.02)[0]
    check(delay <= min(times) < delay + 2, f"the fastest of {len(times)} took {min(times)} ms")


def datagrams(cable, count):
    """The numbers of the datagrams, of so many from left to right, that arrive, in their order."""
    so_rcvbufforce = 33
    with cable.entered(1):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.setsockopt(socket.SOL_SOCKET, so_rcvbufforce, 16 << 20)
        receiver.bind((k_right, 5002))
        receiver.settimeout(0.5 * k_patience)
    with cable.entered(0):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ping(cable, 3, 0.01)  # neighbours know each other from here on
    for number in range(count):
        sender.sendto(number.to_bytes(4, "big"), (k_right, 5002))
        if number % 20 == 0:
            time.sleep(0.002)
    got = []
    with contextlib.suppress(TimeoutError):
        while True:
            got.append(int.from_bytes(receiver.recv(16), "big"))
    sender.close()
    receiver.close()
    return got


def transfer(cable, seconds, pace=0):
    """Bytes a second that a TCP of the left kernel brings to the right one, after a quarter."""
    so_max_pacing_rate = 47
    with cable.entered(1):
        listener = socket.create_server((k_right, 5001))
        listener.settimeout(10 * k_patience)
    with cable.entered(0):
        sender = socket.socket()
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        if pace:
            sender.setsockopt(socket.SOL_SOCKET, so_max_pacing_rate, pace.to_bytes(8, "little"))
        sender.settimeout(10 * k_patience)
        sender.connect((k_right, 5001))
    receiver, _ = listener.accept()
    receiver.settimeout(10 * k_patience)
    block, over = bytes(1 << 17), threading.Event()

    def send():
        with contextlib.suppress(OSError):
            while not over.is_set():
                sender.send(block)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        start, marks = time.monotonic(), []
        while (now := time.monotonic() - start) < seconds:
            total = len(receiver.recv(1 << 18)) + (marks[-1][1] if marks else 0)
            marks.append((now, total))
    finally:
        over.set()
        receiver.close()
        listener.close()
        thread.join(timeout=10 * k_patience)
        sender.close()
    settled = [m for m in marks if m[0] > seconds / 4]
    return (settled[-1][1] - settled[0][1]) / (settled[-1][0] - settled[0][0])


def rates(cable, seconds, wanted):
    """Rates of transfers (Mbit/s), until one has what a machine with time for it gets."""
    found = []
    while len(found) < k_patience and (not found or found[-1] < wanted):
        found.append(transfer(cable, seconds) * 8 / 1e6)
    print(f"# {found[-1]:.1f} Mbit/s in the last of {len(found)}")
    return found


@test()
def ping_takes_the_delays_of_both_ways():
    with Cable("--delay", "10ms", "--b-to-a", "delay=15ms") as cable:
        check_equal((cable.ready["event"], cable.ready["a_to_b"], cable.ready["b_to_a"]),
                    ("ready", "delay=10ms", "delay=15ms"), "the first line")
        times, lost = ping(cable, 60, 0.02)
        check_equal(lost, 0, "lost")
        check_fastest(cable, times, 25)
        forth, back = cable.report()
        for way in (forth, back):
            check(way["seen"] >= 60 and way["sent"] == way["seen"], f"the count: {way}")
            check_equal(way["never_struck"], [], "faults that never struck")
            check_equal(way["overrun"] + way["no_memory"], 0, "lost by the wire")


@test()
def a_tun_is_as_good_as_a_tap():
    with Cable("--delay", "5ms", kind="tun") as cable:
        times, lost = ping(cable, 20, 0.02)
        check_equal(lost, 0, "lost")
        check_fastest(cable, times, 10)


@test()
def loss_strikes_at_its_rate():
    """In one direction, within four standard deviations, and as many as the report says."""
    with Cable("--a-to-b", "loss=10%", "--seed", "5") as cable:
        got = datagrams(cable, 3000)
        forth, back = cable.report()
        lost = 3000 - len(got)
        print(f"# {lost} of 3000 lost")
        check(abs(lost - 300) < 4 * (3000 * 0.1 * 0.9) ** 0.5, f"{lost} of 3000 lost")
        check(0 <= forth["lost"] - lost <= 2, f"the report says {forth['lost']}")  # and some ARP
        check_equal(back["lost"], 0, "lost on the way back")


@test()
def bursts_of_loss_are_as_long_as_asked():
    with Cable("--a-to-b", "loss=ge:2%:25%", "--seed", "3") as cable:
        got = datagrams(cable, 6000)
        gaps = [b - a - 1 for a, b in zip(got, got[1:]) if b - a > 1]
        share, burst = sum(gaps) / 6000, sum(gaps) / len(gaps)
        print(f"# {share:.3f} lost in bursts of {burst:.2f}")
        # 0.02 / 0.27 of all; some 111 bursts of 1 / 0.25 whose length deviates by 3.5.
        check(0.045 < share < 0.11, f"{share} of the packets lost")
        check(2.7 < burst < 5.3, f"bursts of {burst}")


@test()
def tcp_gets_the_rate():
    with Cable("--rate", "100mbit", "--delay", "5ms", "--queue", "1bdp") as cable:
        found = rates(cable, 4, wanted=50)
        forth, _ = cable.report()
        print(f"# longest wait {forth['longest_wait_us'] / 1e3} ms")
        # 1448 of 1538 bytes of each packet on an Ethernet are the application's.
        check(50 < max(found) < 95, f"{found} Mbit/s of data through 100 Mbit/s")
        check(forth["longest_wait_us"] < 10_500 + forth["late_max_us"],
              "a queue of one BDP is 10 ms long")
        check(forth["queue_dropped"] > 0, "cubic never filled the queue")


@test()
def gigabits_are_carried_and_delayed():
    """Super-segments pass whole through a delay: on an idle machine 2.2 Gbit/s, none in a hundred
    later than 0.2 ms. A busy one may be slower, not less exact."""
    buffers = {"net.ipv4.tcp_rmem": "4096 131072 33554432",
               "net.ipv4.tcp_wmem": "4096 131072 33554432"}
    with Cable("--delay", "5ms", sysctl=buffers) as cable:
        rate = transfer(cable, 3, pace=2_200_000_000 // 8) * 8 / 1e9
        forth, _ = cable.report()
        print(f"# {rate:.2f} Gbit/s, {forth['late']} of {forth['sent']} late")
        check_equal(forth["overrun"] + forth["no_memory"], 0, "lost by the wire")
        # As many as the bytes need: whole super-segments would be a fortieth of that.
        least = rate * 1e9 / 8 * 3 / 4 / 1448 * 3 / 4
        check(forth["seen"] > least, f"{forth['seen']} packets: a super-segment is its segments")


@test()
def every_fault_strikes_and_every_byte_arrives():
    faults = ("--loss", "0.1%", "--duplicate", "1%", "--corrupt", "0.1%", "--reorder", "1%,1ms",
              "--delay", "1ms", "--jitter", "200us")
    with Cable(*faults) as cable:
        with cable.entered(1):
            listener = socket.create_server((k_right, 5003))
        with cable.entered(0):
            sender = socket.create_connection((k_right, 5003), timeout=10 * k_patience)
        receiver, _ = listener.accept()
        receiver.settimeout(20 * k_patience)
        sent = Stream(20_000_000)
        thread = threading.Thread(
            target=lambda: (sent.send_all(sender), sender.shutdown(socket.SHUT_WR)))
        thread.start()
        got = receive_all(receiver)
        thread.join(timeout=20 * k_patience)
        for sock in (sender, receiver, listener):
            sock.close()
        forth, _ = cable.report()
        check_equal(got, (20_000_000, sent.hash.hexdigest()), "bytes and their hash")
        for what in ("lost", "duplicated", "corrupted", "reordered", "delayed"):
            check(forth[what] > 0, f"nothing {what}")
        expected = forth["seen"] - forth["lost"] + forth["duplicated"]
        check(abs(forth["sent"] - expected) <= 64, f"{forth['sent']} sent instead of {expected}")
        check_equal(forth["never_struck"], [], "faults that never struck")


@test()
def a_bucket_is_a_rate_too():
    with Cable("--bucket", "40mbit:100KB") as cable:
        found = rates(cable, 2, wanted=20)
        check(20 < max(found) < 39, f"{found} Mbit/s of data through 40 Mbit/s")


@test()
def codel_with_ecn_marks_and_the_kernel_listens():
    ecn = {"net.ipv4.tcp_ecn": 1}
    with Cable("--rate", "40mbit", "--delay", "10ms", "--codel", "--ecn", "--queue", "1000p",
               sysctl=ecn) as cable:
        capture = f"{os.environ.get('TERN_TMP') or tempfile.gettempdir()}/{cable.names[1]}.pcap"
        dump = cable.start(1, "tcpdump", "-i", "wb", "-n", "-U", "-s", "96", "-Z", "root", "-w",
                           capture, "tcp dst port 5001", stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE)
        check("listening" in (Lines(dump.stderr).next(10) or ""), "tcpdump")
        found = rates(cable, 3, wanted=15)
        counters = cable.inside(1, "nstat", "-asz", "IpExtInCEPkts", "IpExtInECT0Pkts")
        kernel = int(re.search(r"InCEPkts\s+(\d+)", counters).group(1))
        forth, _ = cable.report()
        dump.send_signal(signal.SIGINT)
        dump.wait(timeout=10 * k_patience)
        seen = run("tshark", "-n", "-r", capture, "-o", "ip.check_checksum:TRUE", "-Y",
                   "ip.dsfield.ecn == 3", "-T", "fields", "-e", "ip.checksum.status",
                   timeout=30).split("\n")
        os.unlink(capture)
        sums = [line for line in seen if line in ("0", "1", "2")]
        print(f"# {forth['codel_marked']} marked, the kernel saw {kernel}, "
              f"tshark {len(sums)}, {forth['codel_dropped']} dropped")
        check(forth["codel_marked"] > 0, "CoDel marked nothing")
        check_equal(kernel, forth["codel_marked"], "packets with CE at the kernel")
        check(len(sums) >= 1 and set(sums) == {"1"}, f"checksums of marked headers: {set(sums)}")
        check(forth["codel_dropped"] <= 2, "it dropped packets of an ECN-capable sender")
        check(max(found) > 15, f"{found} Mbit/s")


def pings_by_phase(cable, started, second):
    """Round trips (ms; None: lost) before, between and behind the two changes of a script, which
    come after one and two of such seconds. A ping near a change counts for no phase."""
    ready, phases, told = time.monotonic(), ([], [], []), []
    while len(phases[2]) < 5 and time.monotonic() - ready < k_patience * 3 * second:
        if select.select([cable.process.stdout], [], [], 0)[0] or b"\n" in cable.lines.rest:
            told.append(json.loads(cable.lines.next(10)))
        phase = sum(record["event"] == "change" for record in told)
        times, _ = ping(cable, 1, 0.01, "-W", "0.1" if phase == 1 else "1")
        # The script began after `started`, so its next change cannot have come before this.
        if phase == 2 or time.monotonic() - started < (phase + 1) * second:
            phases[phase].append(times[0] if times else None)
        time.sleep(0.02)
    return phases, told


@test()
def a_script_changes_the_network_on_its_way():
    second = 1
    while second <= 16:  # where a phase was too short for a ping, all take longer
        with tempfile.NamedTemporaryFile("w", suffix=".wire") as script:
            script.write(f"# a tunnel\n{second}s a-to-b loss=100%\n"
                         f"{2 * second}s loss=0 delay=20ms\n600s corrupt=1%\n")
            script.flush()
            started = time.monotonic()
            with Cable("--script", script.name) as cable:
                (early, middle, late), told = pings_by_phase(cable, started, second)
                cable.report()
                told += cable.records
        if early and middle and late:
            break
        second *= 2
    print(f"# seconds of {second} s: early {early[:3]}, middle {middle[:3]}, late {late[:3]}")
    check(early and None not in early and min(early) < 10, f"before: {early}")
    check(middle and set(middle) == {None}, f"in the tunnel: {middle}")
    check(late and None not in late and min(late) >= 40, f"behind it: {late}")
    changes = [(r["at_s"], r["a_to_b"], r["b_to_a"]) for r in told if r["event"] == "change"]
    check_equal(changes, [(second, "loss=100%", ""), (2 * second, "delay=20ms", "delay=20ms")],
                "changes")
    check_equal(told[-1]["changes_not_reached"], 1, "changes that did not come")


@test()
def a_fault_that_never_struck_is_named():
    for duration in (0.6, 3, 15, 75):  # until pings have crossed before it was over
        with Cable("--a-to-b", "drop=100000,delay=1ms", "--duration", f"{duration}s") as cable:
            ping(cable, 5, 0.02)
            cable.process.wait(timeout=(10 + duration) * k_patience)
            forth, back = cable.report(sign=0)
        if forth["seen"] > 5:
            break
    check_equal(forth["never_struck"], ["drop=100000"], "from a to b")
    check_equal(back["never_struck"], [], "back")


@test()
def more_than_it_can_do_is_confessed():
    """A wire whose thread is stopped while packets come cannot have been on time."""
    with Cable("--delay", "2ms") as cable:
        pinger = cable.start(0, "ping", "-n", "-q", "-c", "1500", "-i", "0.002", k_right,
                             stdout=subprocess.DEVNULL)
        for _ in range(30):  # each makes one packet late at least, of fewer than 3,000
            time.sleep(0.03)
            cable.process.send_signal(signal.SIGSTOP)
            time.sleep(0.05)
            cable.process.send_signal(signal.SIGCONT)
        pinger.wait(timeout=10 * k_patience)
        both = cable.report()
        check(not all(way["kept_up"] for way in both), f"it says that it kept up: {both}")
        check(max(way["late_max_us"] for way in both) > 10_000, f"{both}")


@test()
def a_device_that_goes_ends_the_wire():
    with Cable("--delay", "1ms") as cable:
        ping(cable, 3, 0.02)
        run("ip", "-n", cable.names[1], "link", "del", "wb")
        out, error = cable.process.communicate(timeout=10 * k_patience)
        check_equal(cable.process.returncode, 3, f"exit code: {error.decode()}")
        check("tap:wb: the device is gone" in error.decode(), error.decode())
        check('"event":"direction"' in out.decode(), "it does not tell what it did until then")


k_mistakes = (
    ("tap:a", "B is required"),
    ("tap:a tap:a", "name two devices"),
    ("eth0 tap:b", "write tap:NAME or tun:NAME"),
    ("tap:a@nowhere tap:b", "network namespace /run/netns/nowhere: No such file"),
    ("tap:a@nowhere tap:b", "ip netns add"),
    ("tap:a@999999999 tap:b", "network namespace /proc/999999999/ns/net"),
    ("tap:a@ tap:b", "write a namespace after @"),
    ("tap:a tun:b", "two of a kind"),
    ("tap:a tap:b --loss 200%", "--loss \"loss=200%\": write loss=1%"),
    ("tap:a tap:b --delay 5", "write delay=20ms"),
    ("tap:a tap:b --a-to-b banana", "--a-to-b \"banana\": write loss=1%"),
    ("tap:a tap:b --ecn", "add codel"),
    ("tap:a tap:b --codel", "add rate=100mbit"),
    ("tap:a tap:b --queue 1bdp --rate 1mbit", "add delay=20ms"),
    ("tap:a tap:b --duration 5", "write a time, as in 10s"),
    ("tap:a tap:b --script /nowhere/x", "No such file"),
)


@test()
def mistakes_are_answered_with_a_remedy():
    with World(), tempfile.NamedTemporaryFile("w", suffix=".wire") as script:
        script.write("1s loss=1%\n2s delay=soon\n")
        script.flush()
        more = ((f"tap:a tap:b --script {script.name}",
                 f"{script.name}:2:4: \"delay=soon\": write delay=20ms"),
                ("tap:a tap:b --mtu 5", "--mtu"))
        for words, remedy in k_mistakes + more:
            done = subprocess.run([command(), "wire", *words.split()], capture_output=True,
                                  text=True, timeout=10 * k_patience)
            check(done.returncode in (2, 3), f"{words}: exit code {done.returncode}")
            check(remedy in done.stderr, f"{words}: {done.stderr!r} does not say {remedy!r}")


if __name__ == "__main__":
    # What is measured is the wire, not how other programs press this one.
    with contextlib.suppress(OSError):
        os.nice(-15)
    sys.exit(main())
