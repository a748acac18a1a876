"""What the tests of this folder share: a namespace with a TAP, tern_peer at the other end of it,
captures read by tshark, and result lines. Standard library only; see README.md.

The process of a test enters its namespace by setns, and so does everything that it starts. A World
removes its namespace and ends its processes, by their process ids, whatever happens.
"""
import contextlib
import ctypes
import hashlib
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

k_kernel = "10.0.0.1"
k_tern = "10.0.0.2"
k_prefix = os.environ.get("TERN_NS", f"tn{os.getpid()}")
k_long = bool(os.environ.get("TERN_LONG"))
k_here = pathlib.Path(__file__).resolve().parent
k_release = pathlib.Path(os.environ.get("TERN_BIN", k_here / "../../build/release/bin"))
k_debug = pathlib.Path(os.environ.get("TERN_DEBUG_BIN", k_release / "../../debug/bin"))
k_trace = os.environ.get("TERN_TRACE")  # a file: what every segment was about goes there
k_libc = ctypes.CDLL(None, use_errno=True)
# Limits in these tests are what an idle machine needs with room to spare. A busy one gets so many
# times as much: a limit is there to end what hangs, and decides nothing else.
k_patience = 8


class Failure(Exception):
    """A check that did not hold; its text is the reason of the result line."""


def check(holds, reason):
    if not holds:
        raise Failure(reason)


def check_equal(got, expected, what):
    check(got == expected, f"{what}: {got!r} instead of {expected!r}")


def run(*command, timeout=20, ok=True):
    """Runs a short command to its end; its output, both streams."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout * k_patience)
    check(not ok or done.returncode == 0, f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


def enter_namespace(descriptor):
    clone_newnet = 0x40000000
    if k_libc.setns(descriptor, clone_newnet) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def no_sanitizers():
    """Why a test that is about the sanitizers cannot run; None: it can."""
    return None if (k_debug / "tern_peer").exists() else f"no tern_peer in {k_debug.resolve()}"


def binary(sanitized=True):
    """tern_peer: under ASan and UBSan where speed is not the point and that build exists."""
    names = [k_debug, k_release] if sanitized else [k_release]
    for folder in names:
        if (folder / "tern_peer").exists():
            return folder / "tern_peer"
    raise Failure(f"no tern_peer in {k_release}: build the preset release")


def end(process, patience=10 * k_patience):
    """Ends a process of ours; its exit code. A test that fails leaves it no other choice."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        process.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)
    return process.wait()


class Lines:
    """Lines of a pipe, each awaited for a bounded time."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.rest = b""

    def next(self, seconds):
        deadline = time.monotonic() + seconds * k_patience
        while b"\n" not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.pipe], [], [], left)[0]:
                return None
            piece = os.read(self.pipe.fileno(), 65536)
            if not piece:
                return None
            self.rest += piece
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()


class Peer:
    """A tern_peer: a TCP/IP host in a process, obeying one command at a time."""

    def __init__(self, world, sanitized=True, **options):
        self.log = tempfile.TemporaryFile()
        if k_trace:
            options["trace"] = 1
        words = [f"{name}={value}" for name, value in options.items() if value is not None]
        environment = dict(os.environ, ASAN_OPTIONS="abort_on_error=1:detect_leaks=1",
                           UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
        self.process = subprocess.Popen([str(binary(sanitized)), *words], env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log)
        world.closers.append(self.close)
        self.lines = Lines(self.process.stdout)
        self.final = None
        check(self.answer(20) is not None, f"tern_peer did not start: {self.said()}")

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def answer(self, seconds):
        line = self.lines.next(seconds)
        if line is None:
            return None
        return json.loads(line)

    def begin(self, verb, *values, timeout=10, **named):
        """Sends a command; finish() reads its answer. In between the test does its own part."""
        words = [verb, *map(str, values), f"timeout={int(timeout * 1000)}"]
        words += [f"{name}={value}" for name, value in named.items()]
        self.waits = timeout + 10
        self.command = " ".join(words)
        self.process.stdin.write(self.command.encode() + b"\n")
        self.process.stdin.flush()

    def finish(self):
        answer = self.answer(self.waits)
        if answer is None:
            code = self.process.poll()
            raise Failure(f"tern_peer is silent (exit code {code}) after: {self.command}\n"
                          f"{self.said()[-6000:]}")
        return answer

    def ask(self, verb, *values, timeout=10, **named):
        """The answer, even a refusal."""
        self.begin(verb, *values, timeout=timeout, **named)
        return self.finish()

    def tell(self, verb, *values, timeout=10, **named):
        """The answer to a command that must succeed."""
        answer = self.ask(verb, *values, timeout=timeout * k_patience, **named)
        check(answer["ok"], f"tern_peer: {self.command}: {answer}")
        return answer

    def accept(self, listener, timeout=10):
        return self.tell("accept", listener, timeout=timeout)["id"]

    def quit(self):
        """Ends the host and looks for what it left behind; its counters."""
        if self.final is None:
            self.final = self.tell("quit")
            code = self.process.wait(timeout=60 * k_patience)
            check(code == 0, f"tern_peer ended with {code}: {self.said()}")
        return self.final

    def close(self):
        if self.log.closed:
            return
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        if self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5 * k_patience)
        end(self.process)
        said = self.said()
        if k_trace:
            with open(k_trace, "a") as trace:
                trace.write(said)
        if "ERROR: AddressSanitizer" in said or "runtime error" in said \
                or "ERROR: LeakSanitizer" in said:
            print(said[-20_000:])
            raise Failure("the sanitizers complain: see the log")
        self.log.close()


class World:
    """A network namespace with one TAP whose kernel end is 10.0.0.1/24; tern's is 10.0.0.2."""

    count = 0

    def __init__(self, mtu=1500, sysctl=(), tap="tap0"):
        World.count += 1
        self.name = f"{k_prefix}w{World.count}"
        self.mtu = mtu
        self.sysctl = dict(sysctl)
        self.tap = tap
        self.link = f"tap:{tap}"  # as the command tern calls it
        self.closers = []
        self.home = None

    def __enter__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            run("ip", "netns", "add", self.name)
            there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            enter_namespace(there)
            os.close(there)
            run("ip", "link", "set", "lo", "up")
            # No IPv6: its router solicitations only disturb the captures.
            self.set("net.ipv6.conf.all.disable_ipv6", 1)
            self.set("net.ipv4.tcp_no_metrics_save", 1)
            for name, value in self.sysctl.items():
                self.set(name, value)
            self.make_device()
        except BaseException:
            self.leave()
            raise
        return self

    def make_device(self):
        run("ip", "tuntap", "add", "dev", self.tap, "mode", "tap", "vnet_hdr")
        run("ip", "link", "set", self.tap, "mtu", str(self.mtu), "txqueuelen", "10000")
        run("ip", "addr", "add", f"{k_kernel}/24", "brd", "+", "dev", self.tap)
        run("ip", "link", "set", self.tap, "up")

    def set(self, name, value):
        path = pathlib.Path("/proc/sys") / name.replace(".", "/")
        if path.exists():
            path.write_text(f"{value}\n")

    def peer(self, sanitized=True, **options):
        options.setdefault("tap", self.tap)
        options.setdefault("mtu", self.mtu)
        return Peer(self, sanitized, **options)

    def capture(self, filter_text="", interface=None):
        return Capture(self, interface or self.tap, filter_text)

    def start(self, *command, **options):
        process = subprocess.Popen(command, **options)
        self.closers.append(lambda: end(process))
        return process

    def leave(self):
        trouble = None
        for closer in reversed(self.closers):
            try:
                closer()
            except Failure as failure:
                trouble = failure
        self.closers = []
        enter_namespace(self.home)
        os.close(self.home)
        run("ip", "netns", "del", self.name, ok=False)
        return trouble

    def __exit__(self, kind, error, trace):
        trouble = self.leave()
        if trouble and (kind is None or kind is Failure):
            raise trouble
        return False


# Captures --------------------------------------------------------------------------------------

# End, no operation, MSS, window scale, SACK permitted, SACK, timestamps, user timeout, fast open.
k_known_options = {0, 1, 2, 3, 4, 5, 8, 28, 34}
k_tshark = ["tshark", "-n", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
            "-o", "udp.check_checksum:TRUE", "-o", "tcp.analyze_sequence_numbers:FALSE"]


class Capture:
    """tcpdump on one interface; clean() lets tshark judge what tern sent."""

    def __init__(self, world, interface, filter_text):
        folder = os.environ.get("TERN_TMP") or tempfile.gettempdir()
        self.captured = self.asked = None  # what tcpdump said last, and when
        self.path = f"{folder}/{world.name}-{len(world.closers)}.pcap"
        self.process = subprocess.Popen(
            ["tcpdump", "-i", interface, "-n", "-U", "--immediate-mode", "-s", "0", "-B", "8192",
             "-Z", "root",
             "-w", self.path, *filter_text.split()],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        world.closers.append(self.remove)
        self.lines = Lines(self.process.stderr)
        line = self.lines.next(10)
        check(line is not None and "listening on" in line, f"tcpdump: {line}")

    def remove(self):
        end(self.process)
        self.process.stderr.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def stop(self):
        if self.process.poll() is None:
            wait_until(self.caught_up, 10, "tcpdump has written what came by")
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=20 * k_patience)

    def caught_up(self):
        """Whether tcpdump has written all that the kernel holds for it: as many packets as came by,
        or, for the kernel counts some that it does not hand over, no more than a while ago."""
        before, time_before = self.captured, self.asked
        if before is not None and time.monotonic() - time_before < 0.1:
            return False
        self.process.send_signal(signal.SIGUSR1)
        while line := self.lines.next(10):
            if said := re.search(r"(\d+) packets? captured, (\d+) packets? received", line):
                self.captured, self.asked = int(said.group(1)), time.monotonic()
                return self.captured in (int(said.group(2)), before)
        raise Failure("tcpdump does not say what it has captured")

    def read(self, display_filter, *fields):
        """One list of fields for each packet that passes the filter."""
        self.stop()
        command = k_tshark + ["-r", self.path, "-Y", display_filter, "-T", "fields"]
        for field in fields:
            command += ["-e", field]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=120 * k_patience)
        check(done.returncode == 0, f"tshark: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def clean(self, source=k_tern, at_least=1):
        """Nothing that tern sent is malformed, has a bad sum, or carries an illegal option."""
        rows = self.read(f"ip.src == {source} or arp.src.proto_ipv4 == {source}",
                         "frame.number", "_ws.malformed", "_ws.expert.severity",
                         "_ws.expert.message", "ip.checksum.status", "tcp.checksum.status",
                         "udp.checksum.status", "icmp.checksum.status", "tcp.option_kind")
        check(len(rows) >= at_least, f"the capture has {len(rows)} packets of tern")
        k_error = 8388608
        for row in rows:
            row += [""] * (9 - len(row))
            number, malformed, severities, message, *sums = row[:8]
            kinds = {int(kind) for kind in row[8].split(",") if kind}
            check(kinds <= k_known_options, f"options {kinds} in packet {number} of tern")
            severe = any(int(s) >= k_error for s in severities.split(",") if s)
            bad = [s for s in sums if "0" in s.split(",")]
            check(not malformed and not severe and not bad,
                  f"tshark about packet {number} of tern: {message or malformed or sums}")
            # Verified, not merely not refuted; what an ICMP error quotes is cut.
            check(sums[3] or sums[1] in ("", "1"),
                  f"tshark did not verify the TCP checksum of packet {number} of tern")
        return len(rows)


# Traffic of the kernel's side ------------------------------------------------------------------

class Stream:
    """Bytes that never repeat where a lost or doubled piece would go unseen, and their SHA-256."""

    def __init__(self, total, block=1 << 20):
        self.left = total
        self.block = bytearray(os.urandom(block + 7))
        self.count = 0
        self.hash = hashlib.sha256()

    def next(self):
        self.count += 1
        self.block[:8] = self.count.to_bytes(8, "little")
        piece = memoryview(self.block)[:min(self.left, len(self.block))]
        self.left -= len(piece)
        self.hash.update(piece)
        return piece

    def send_all(self, sock):
        while self.left:
            sock.sendall(self.next())
        return self.hash.hexdigest()


def receive_all(sock, most=None):
    """(bytes, SHA-256) up to the end of the stream."""
    buffer = bytearray(1 << 20)
    view, total, digest = memoryview(buffer), 0, hashlib.sha256()
    while most is None or total < most:
        n = sock.recv_into(view, 0 if most is None else min(len(buffer), most - total))
        if n == 0:
            break
        digest.update(view[:n])
        total += n
    return total, digest.hexdigest()


def receive_exactly(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            break
        data += piece
    return data


def connect(port, host=k_tern, timeout=20, local_port=0, before=None):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(timeout * k_patience)
    if before:
        before(sock)
    try:
        if local_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((k_kernel, local_port))
        sock.connect((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


def listen(port=0, backlog=128, timeout=20, before=None):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(timeout * k_patience)
    if before:
        before(sock)
    sock.bind((k_kernel, port))
    sock.listen(backlog)
    return sock


def accept(listener, timeout=20):
    sock, address = listener.accept()
    sock.settimeout(timeout * k_patience)
    return sock, address


def tcp_states(*filters):
    """What the kernel's ss says, one line a connection."""
    return run("ss", "-Htan", *filters).splitlines()


def wait_until(holds, seconds, what):
    deadline = time.monotonic() + seconds * k_patience
    while not holds():
        check(time.monotonic() < deadline, f"not within {seconds * k_patience} s: {what}")
        time.sleep(0.01)


# Tests -----------------------------------------------------------------------------------------

k_tests = []


def test(*requirements, seconds=60):
    """Marks a test: its result line, and the requirements that it shows when it passes."""

    def mark(function):
        k_tests.append((function, requirements, seconds))
        return function

    return mark


class TooSlow(Exception):
    pass


def on_alarm(number, frame):
    del number, frame
    raise TooSlow


def on_terminate(number, frame):
    del number, frame
    raise KeyboardInterrupt


def name_of(function):
    stem = pathlib.Path(sys.argv[0]).stem.removeprefix("test_")
    return f"interop.{stem}.{function.__name__}"


def main():
    """Runs the tests of the file, or those whose names contain an argument."""
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, on_terminate)
    failures = 0
    for function, requirements, seconds in k_tests:
        if len(sys.argv) > 1 and not any(word in function.__name__ for word in sys.argv[1:]):
            continue
        name, reason, start = name_of(function), None, time.monotonic()
        signal.alarm(seconds * k_patience)
        try:
            skip = function()
        except TooSlow:
            reason = f"not done within {seconds * k_patience} s"
            traceback.print_exc(file=sys.stdout)
        except KeyboardInterrupt:
            raise SystemExit(f"interrupted in {name}") from None
        except Exception as error:  # whatever it is, the next test runs
            reason = f"{type(error).__name__}: {error}" if not isinstance(error, Failure) \
                else str(error)
            traceback.print_exc(file=sys.stdout)
        finally:
            signal.alarm(0)
        print(f"# {name}: {time.monotonic() - start:.1f} s")
        if reason is not None:
            failures += 1
            print(f"not ok {name} {re.sub(chr(10) + '.*', '', reason, flags=re.S)}")
        elif skip:
            print(f"skip {name} {skip}")
        else:
            print(f"ok {name}")
            if requirements:
                print(f"covers {name} {' '.join(requirements)}")
        sys.stdout.flush()
    return 1 if failures else 0
