#!/usr/bin/env python3
"""The command tern as a user sees it: serve and get against the kernel's programs, what its
captures say in tshark, show, the main job, and what it answers to mistakes."""
# timeout: 280
import http.client
import signal
import sys
import threading
import time

from lib_tern import *

k_root = k_here.parent.parent
k_files = {"small.txt": b"0123456789", "empty": b"", "folder/index.html": b"<p>index</p>",
           "plain/one.txt": b"1", "odd name & more.txt": b"odd"}
k_big = 6_000_000
k_fast_open = {"net.ipv4.tcp_fastopen": 3, "net.ipv4.tcp_fastopen_blackhole_timeout_sec": 0}


def command():
    path = k_release / "tern"
    check(path.exists(), f"no tern in {k_release}: build the preset release")
    return str(path.resolve())


def folder():
    return tempfile.TemporaryDirectory(prefix="tern-commands-", dir=os.environ.get("TERN_TMP"))


def fill(where):
    """The files of k_files and a big one; the hash of that."""
    for name, data in k_files.items():
        path = pathlib.Path(where, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    big = os.urandom(k_big)
    pathlib.Path(where, "big.bin").write_bytes(big)
    return hashlib.sha256(big).hexdigest()


def hash_of(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def tern(*words, timeout=30, tap="tap0", **options):
    """Runs tern to its end: (exit code, standard output, standard error)."""
    link = ["--link", f"tap:{tap}"] if tap else []
    done = subprocess.run([command(), *words, *link], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, **options)
    return done.returncode, done.stdout, done.stderr


class Server:
    """tern serve; what it says is read line by line."""

    def __init__(self, world, where, *words):
        self.process = world.start(command(), "serve", where, "--link", f"tap:{world.tap}", *words,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = Lines(self.process.stdout)
        self.ready = self.lines.next(10)
        check(self.ready is not None, "tern serve did not start")

    def stop(self, sign=signal.SIGTERM):
        """(the rest of standard output, standard error), after a good end."""
        self.process.send_signal(sign)
        out, error = self.process.communicate(timeout=15)
        check_equal(self.process.returncode, 0, f"exit code of tern serve: {error.decode()}")
        return (self.lines.rest + out).decode(), error.decode()


def curl(path, *words, ok=True):
    """Standard output of curl for tern's server."""
    done = subprocess.run(["curl", "-sS", "--max-time", "20", *words, f"http://{k_tern}{path}"],
                          capture_output=True, timeout=30)
    check(not ok or done.returncode == 0, f"curl {path}: {done.stderr.decode()}")
    return done.stdout


def status(path, *words):
    return curl(path, "-o", "/dev/null", "-w", "%{http_code}", *words).decode()


# tern serve ----------------------------------------------------------------------------------


@test()
def serve_gives_files_ranges_and_directories():
    with folder() as where, folder() as mine, World() as world:
        whole, server = fill(where), Server(world, where, "--json")
        check_equal(hashlib.sha256(curl("/big.bin")).hexdigest(), whole, "big.bin")
        check_equal(curl("/empty"), b"", "an empty file")
        check_equal(curl("/odd%20name%20%26%20more.txt"), b"odd", "an encoded name")
        check_equal(curl("/small.txt", "-r", "2-4"), b"234", "a range")
        check_equal(curl("/small.txt", "-r", "-3"), b"789", "the last bytes")
        check_equal(status("/small.txt", "-r", "10-"), "416", "behind the end")
        half = pathlib.Path(mine, "half")
        half.write_bytes(pathlib.Path(where, "big.bin").read_bytes()[:2_345_678])
        curl("/big.bin", "-C", "-", "-o", str(half))
        check_equal(hash_of(half), whole, "curl -C -")
        page = curl("/").decode()
        check("odd name &amp; more.txt" in page and "plain/" in page, f"the directory page: {page}")
        check_equal(curl("/folder", "-L"), b"<p>index</p>", "redirected to the index")
        check_equal(status("/nothing"), "404", "no such file")
        server.stop()


@test()
def serve_stays_in_its_directory():
    with folder() as where, World() as world:
        fill(where)
        inside = pathlib.Path(where, "plain")
        os.symlink("/etc", inside / "out")
        server = Server(world, str(inside), "--quiet")
        for path in ("/../small.txt", "/..%2fsmall.txt", "/%2e%2e/small.txt", "/%2e%2e%2fsmall.txt",
                     "/.%2e/small.txt", "/x/../../small.txt", "//etc/passwd", "/out/passwd",
                     "/..%5csmall.txt", "/%00", "/%zz", "/one.txt%00.html"):
            code = status(path, "--path-as-is")
            check(code in ("400", "403", "404"), f"{path}: {code}")
        check_equal(curl("/one.txt"), b"1", "what lies inside")
        out, _ = server.stop()
        check_equal(out, "", "--quiet")


@test()
def serve_answers_head_and_other_methods():
    with folder() as where, World() as world:
        fill(where)
        server = Server(world, where, "--quiet")
        client = http.client.HTTPConnection(k_tern, timeout=10)
        for method, path, wanted, length in (("HEAD", "/big.bin", 200, str(k_big)),
                                             ("HEAD", "/nothing", 404, None),
                                             ("GET", "/small.txt", 200, "10")):
            client.request(method, path)
            answer = client.getresponse()
            body = answer.read()
            check_equal(answer.status, wanted, f"{method} {path}")
            check(length in (None, answer.getheader("Content-Length")), f"{method} {path}: length")
            check_equal(body, b"0123456789" if method == "GET" else b"", f"{method} {path}: body")
        client.close()
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            check_equal(status("/small.txt", "-X", method), "405", method)
        server.stop()


@test()
def serve_refuses_what_is_no_request():
    bad = (b"no HTTP at all\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00\xff" * 100,
           b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n\r\n",
           b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n")
    with folder() as where, World() as world:
        fill(where)
        server = Server(world, where, "--json")
        for text in bad:
            with connect(80) as sock:
                sock.sendall(text)
                sock.shutdown(socket.SHUT_WR)
                answer = receive_exactly(sock, 12)
                check_equal(answer, b"HTTP/1.1 400", f"to {text[:30]!r}")
        with connect(80) as sock:  # half a request, then nothing
            sock.sendall(b"GET / HT")
        reset = connect(80)
        reset.sendall(b"GET /big.bin HTTP/1.1\r\n\r\n")
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        reset.close()
        check_equal(curl("/small.txt"), b"0123456789", "the next one is served all the same")
        out, _ = server.stop()
        records = [json.loads(line) for line in out.splitlines()]
        refused = [r for r in records if r["event"] == "request" and r["status"] == 400]
        check_equal(len(refused), len(bad) + 1, "refusals in the access log")


def connections_for_two(*words):
    """How many connections curl makes for two files."""
    form = ["-w", "%{num_connects}", "-o", "/dev/null"]
    return curl("/small.txt", *words, *form, *form, f"http://{k_tern}/empty")


@test()
def serve_keeps_connections_or_closes_each():
    with folder() as where, World() as world:
        fill(where)
        server = Server(world, where, "--json")
        check_equal(connections_for_two(), b"10", "keep-alive")
        check_equal(connections_for_two("--http1.0"), b"11", "HTTP/1.0")
        last = json.loads(server.stop()[0].splitlines()[-1])
        check_equal((last["event"], last["connections"], last["requests"]), ("end", 3, 4), "totals")
        server = Server(world, where, "--one-request")
        check_equal(connections_for_two(), b"11", "--one-request")
        check(b"onnection: close" in curl("/small.txt", "-i"), "the header says so")
        server.stop()


@test()
def serve_logs_and_shows_progress():
    with folder() as where, World() as world:
        fill(where)
        server = Server(world, where, "--progress", "--buffer", "64KB", "--impair",
                        "rate=60mbit")
        check(f"http://{k_tern}/" in server.ready, f"the first line: {server.ready}")
        curl("/big.bin")
        status("/nothing")
        # A client that goes in the middle is told apart.
        subprocess.run(["curl", "-s", "-m", "0.3", "-o", "/dev/null", f"http://{k_tern}/big.bin"],
                       timeout=10, check=False)
        wait_until(lambda: not tcp_states("state", "established"), 5, "curl is gone")
        out, error = server.stop(signal.SIGINT)
        check("1 transfers" in error and "B/s" in error, f"no progress: {error!r}")
        check(re.search(r"10\.0\.0\.1:\d+ GET /big\.bin 200 6000000 bytes", out), out)
        check(" GET /nothing 404 " in out, out)
        check("BROKEN" in out, f"a broken transfer passes for a whole one: {out}")
        check("served " in out.splitlines()[-1], out)


@test(seconds=60)
def serve_at_its_memory_ceiling():
    """Clients that do not read take all the memory there is to have; others are served."""
    for words in ((), ("--no-offloads",)):
        with folder() as where, World() as world:
            fill(where)
            server = Server(world, where, "--quiet", "--memory", "16MB", *words)
            lazy = []
            for _ in range(40):
                sock = socket.socket()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.settimeout(2)
                sock.connect((k_tern, 80))
                sock.sendall(b"GET /big.bin HTTP/1.1\r\n\r\n")
                lazy.append(sock)
            time.sleep(0.5)
            run("ping", "-c", "2", "-W", "2", k_tern)
            check_equal(curl("/small.txt"), b"0123456789", f"beside lazy clients {words}")
            for sock in lazy:
                sock.close()
            check_equal(len(curl("/big.bin")), k_big, f"after lazy clients {words}")
            server.stop()


@test()
def serve_comes_back_at_once():
    with folder() as where, World() as world:
        whole = fill(where)
        for _ in range(4):
            server = Server(world, where, "--quiet")
            check_equal(hashlib.sha256(curl("/big.bin")).hexdigest(), whole, "big.bin")
            server.stop()


@test("RFC7413:1", "RFC7413:3")
def serve_takes_requests_in_syn_when_it_is_told_to():
    for words, expected in ((), 0), (("--fast-open",), 2):
        with folder() as where, World(sysctl=k_fast_open) as world:
            fill(where)
            server = Server(world, where, "--json", *words)
            for _ in range(3):
                check_equal(curl("/small.txt", "--tcp-fastopen"), b"0123456789", "small.txt")
            told = json.loads(server.stop()[0].splitlines()[-1])
            check_equal(told["fast_opens"], expected, f"requests in SYN, with {words}")


# Captures ------------------------------------------------------------------------------------


def judge(path, whole=True):
    """tshark about a capture that tern wrote, both directions; the comments of its packets. Of
    packets that were cut it can verify no checksum."""
    fields = ["_ws.malformed", "_ws.expert.severity", "_ws.expert.message", "ip.checksum.status",
              "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status",
              "tcp.option_kind", "ip.src", "frame.comment"]
    command = k_tshark + ["-r", path, "-T", "fields", "-E", "separator=|", "-E", "occurrence=a"]
    # What TCP carries is random here, and may look like any protocol gone wrong.
    command += ["-d", "tcp.port==1-65535,data"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    check_equal(done.returncode, 0, f"tshark: {done.stderr}")
    comments, k_error = [], 8388608
    for number, line in enumerate(done.stdout.splitlines(), 1):
        malformed, severities, text, ip, tcp, udp, icmp, kinds, source, comment = \
            line.split("|", 9)
        check(not malformed, f"packet {number} is malformed")
        check(all(int(s) < k_error for s in severities.split(",") if s),
              f"packet {number}: an error, {text}")
        for what in (ip, tcp, udp, icmp):  # 1: good
            check("0" not in what.split(","), f"packet {number}: bad checksum")
        check(not whole or not tcp or tcp == "1", f"packet {number}: TCP checksum not verified")
        known = {int(k) for k in kinds.split(",") if k} <= k_known_options
        check(known, f"packet {number}: options {kinds}")
        # What tern took without a word has none: requests that it answered in the next packet.
        check(comment or source != k_tern, f"packet {number} has no comment")
        comments.append(comment)
    return comments


def captured(world, where, *words):
    path = f"{where}/serve.pcapng"
    server = Server(world, where, "--quiet", "--capture", path, *words)
    curl("/big.bin", "-o", "/dev/null")
    run("ping", "-c", "1", "-W", "2", k_tern)
    try:
        connect(81).close()
        raise Failure("port 81 was not refused")
    except ConnectionRefusedError:
        pass
    # With offloads the kernel leaves its datagram's sum to the link, and the error quotes it so.
    if "--no-offloads" in words:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"nobody", (k_tern, 4242))
            time.sleep(0.1)
    server.stop()
    return judge(path)


@test(seconds=90)
def captures_say_why_and_are_clean():
    for words in ((), ("--no-offloads",)):
        with folder() as where, World() as world:
            fill(where)
            comments = captured(world, where, *words)
            check(len(comments) > 1000, f"{len(comments)} packets")
            for reason in ("answer to SYN", "new data", "dropped: ", "acknowledge the peer's FIN",
                           "LISTEN -> SYN-RECEIVED", "-> CLOSE-WAIT"):
                check(any(reason in c for c in comments), f"nobody says: {reason}")


@test()
def a_capture_of_get_is_clean():
    with folder() as where, World() as world:
        whole = fill(where)
        start_http(world, where)
        path = f"{where}/get.pcapng"
        code, _, error = tern("get", f"http://{k_kernel}:8000/big.bin", "-o", f"{where}/got",
                              "--capture", path)
        check_equal(code, 0, error)
        check_equal(hash_of(f"{where}/got"), whole, "the file")
        check(any("ask for a connection" in c for c in judge(path)), "no reason of the SYN")


# tern get ------------------------------------------------------------------------------------


def start_http(world, where, port=8000):
    """nginx, which knows ranges, at the kernel's end."""
    text = (f"daemon off; master_process off; pid {where}/nginx.pid; error_log {where}/error.log;\n"
            "events {}\nhttp { access_log off; sendfile on; default_type text/plain;\n"
            "client_body_temp_path %s/t1; proxy_temp_path %s/t2; fastcgi_temp_path %s/t3;\n"
            "uwsgi_temp_path %s/t4; scgi_temp_path %s/t5;\n" % ((where,) * 5) +
            "server { listen %s:%d fastopen=10; root %s;\n" % (k_kernel, port, where) +
            "location /slow/ { alias %s/; limit_rate 1m; }\n" % where +
            "location /moved { return 302 /small.txt; }\n"
            "location /round { return 302 /round; } } }\n")
    pathlib.Path(where, "nginx.conf").write_text(text)
    os.chmod(where, 0o755)
    process = world.start("nginx", "-e", f"{where}/error.log", "-c", f"{where}/nginx.conf",
                          "-p", where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers():
        check(process.poll() is None, "nginx did not start")
        try:
            connect(port, host=k_kernel).close()
            return True
        except ConnectionRefusedError:
            return False

    wait_until(answers, 10, "nginx answers")
    return process


def url(path, port=8000):
    return f"http://{k_kernel}:{port}{path}"


@test()
def get_fetches_resumes_and_draws():
    with folder() as where, World() as world:
        whole = fill(where)
        start_http(world, where)
        got = f"{where}/got"
        code, out, error = tern("get", url("/big.bin"), "-o", got, "--progress",
                                "--impair-in", "rate=80mbit")
        check_equal((code, hash_of(got)), (0, whole), error)
        check(re.search(r"got \[=+ *\] +\d+%  .*of 6\.00 MB.*left", error), f"no bar: {error!r}")
        check("6.00 MB in " in out, out)
        pathlib.Path(got).write_bytes(pathlib.Path(where, "big.bin").read_bytes()[:1_234_567])
        code, out, error = tern("get", url("/big.bin"), "-o", got, "--resume", "--json")
        check_equal((code, hash_of(got)), (0, whole), f"resumed: {error}")
        told = json.loads(out)
        check_equal((told["status"], told["offset"], told["bytes"]),
                    (206, 1_234_567, k_big - 1_234_567), "the result as JSON")
        code, _, error = tern("get", url("/big.bin"), "-o", got, "--resume")
        check_equal((code, hash_of(got)), (0, whole), f"nothing left to fetch: {error}")
        with open(got, "ab") as file:
            file.write(b"more")
        code, _, error = tern("get", url("/big.bin"), "-o", got, "--resume")
        check_equal(code, 4, error)
        check("without --resume" in error, f"no remedy: {error}")
        code, out, error = tern("get", url("/moved"), "-o", "-")
        check_equal((code, out), (0, "0123456789"), f"redirected: {error}")


@test("RFC7413:1", "RFC7413:6")
def get_sends_requests_in_syn_when_it_is_told_to():
    with folder() as where, World(sysctl=k_fast_open) as world:
        fill(where)
        start_http(world, where)
        capture = world.capture("tcp")
        # The first connection of a command has no cookie yet; the redirection brings a second one.
        for path, words, expected in (("/moved", (), False),
                                      ("/small.txt", ("--fast-open",), False),
                                      ("/moved", ("--fast-open",), True)):
            code, out, error = tern("get", url(path), "-o", f"{where}/got", "--json", *words)
            check_equal((code, json.loads(out)["fast_open"]), (0, expected),
                        f"{path} {words} {error}")
            check_equal(pathlib.Path(where, "got").read_bytes(), b"0123456789", "small.txt")
        rows = capture.read(f"ip.src == {k_tern} and tcp.flags.syn == 1", "tcp.len")
        texts = [int(length) > 0 for (length,) in rows]
        check_equal(texts, [False, False, False, False, True], "SYNs with text")


@test()
def get_tells_what_went_wrong():
    with folder() as where, World() as world:
        fill(where)
        start_http(world, where)
        kept = pathlib.Path(where, "kept")
        kept.write_bytes(b"precious")
        for words, wanted, remedy in (
                ([url("/nothing"), "-o", str(kept)], 4, "404"),
                ([url("/round"), "-o", str(kept)], 4, "302"),
                ([url("/", 9), "-o", str(kept)], 3, "is the server running?"),
                (["http://10.9.9.9/", "-o", str(kept)], 3, "add --gateway"),
                (["http://10.0.0.77/", "-o", str(kept), "--connect-timeout", "1"], 3,
                 "is the address right"),
                ([url("/small.txt"), "-o", f"{where}/no/such/file"], 5, "make its folder first"),
                ([url("/small.txt"), "-o", where], 5, "add the name of a file")):
            code, _, error = tern("get", *words)
            check_equal(code, wanted, f"get {words}: {error}")
            check(remedy in error, f"get {words}: no remedy: {error}")
        check_equal(kept.read_bytes(), b"precious", "a file that an error must not touch")


def answer_once(world, *pieces, hang=False):
    """A server at the kernel's end that says these bytes to its first client."""
    listener = listen()
    going = threading.Event()

    def work():
        with contextlib.suppress(OSError):
            sock, _ = accept(listener)
            sock.recv(10_000)
            for piece in pieces:
                sock.sendall(piece)
                time.sleep(0.02)
            if hang:
                going.wait(20)
            sock.close()
        listener.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    world.closers.append(lambda: (going.set(), thread.join(5)))
    return listener.getsockname()[1]


@test()
def get_understands_what_servers_do():
    head = b"HTTP/1.1 200 OK\r\n"
    with folder() as where, World() as world:
        got = f"{where}/got"
        chunked = answer_once(world, head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab",
                              b"c\r\n2\r", b"\nde\r\n0\r\n\r\n")
        check_equal(tern("get", url("/", chunked), "-o", "-")[:2], (0, "abcde"), "chunked")
        until_end = answer_once(world, head + b"\r\nuntil the end")
        check_equal(tern("get", url("/", until_end), "-o", "-")[:2], (0, "until the end"),
                    "no length")
        early = answer_once(world, head + b"Content-Length: 100\r\n\r\nonly this")
        code, _, error = tern("get", url("/", early), "-o", got)
        check_equal(code, 5, error)
        check("try --resume" in error, error)
        check_equal(pathlib.Path(got).read_bytes(), b"only this", "what came is kept")
        silent = answer_once(world, head + b"Content-Length: 100\r\n\r\nx", hang=True)
        code, _, error = tern("get", url("/", silent), "-o", got, "--stall-timeout", "0.5")
        check_equal(code, 5, error)
        nonsense = answer_once(world, b"I am no HTTP server\r\n\r\n")
        code, _, error = tern("get", url("/", nonsense), "-o", f"{where}/none")
        check_equal(code, 5, error)
        check(not os.path.exists(f"{where}/none"), "a file for nothing")
        other_range = answer_once(world, b"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-3/4\r\n"
                                         b"Content-Length: 4\r\n\r\nfour")
        pathlib.Path(got).write_bytes(b"ab")
        code, _, error = tern("get", url("/", other_range), "-o", got, "--resume")
        check_equal((code, pathlib.Path(got).read_bytes()), (5, b"ab"), f"another range: {error}")


@test()
def get_can_be_interrupted_and_resumed():
    with folder() as where, World() as world:
        whole = fill(where)
        start_http(world, where)
        got = pathlib.Path(where, "got")
        words = [command(), "get", url("/slow/big.bin"), "-o", str(got), "--link", "tap:tap0"]
        process = world.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_until(lambda: got.exists() and got.stat().st_size > 500_000, 10, "some bytes")
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=10)
        check_equal(process.returncode, 130, error.decode())
        check(b"--resume" in error, error.decode())
        check(got.stat().st_size < k_big, "it was not interrupted")
        code, _, said = tern("get", url("/big.bin"), "-o", str(got), "--resume")
        check_equal((code, hash_of(got)), (0, whole), said)


# The other commands, and mistakes --------------------------------------------------------------


@test()
def show_tells_each_story():
    def show(*words, wanted=0):
        code, out, error = tern("show", *words, tap=None)
        check_equal(code, wanted, f"show {words}: {error}")
        return out

    def times(*words):
        return [row["time"] for row in json.loads(show(*words, "--json"))]

    for story, said in (("handshake", "ESTABLISHED"), ("close", "TIME-WAIT"),
                        ("loss", "lost on the wire"), ("reset", "nobody is home")):
        check(said in show(story), f"show {story} does not say: {said}")
        check(json.loads(show(story, "--json")), f"show {story} --json is empty")
        check(times(story, "--delay", "200ms")[-1] > times(story)[-1], f"{story}: --delay")
    lost = json.loads(show("handshake", "--drop", "2", "--json"))
    check("OpenAnswerRetry" in [row.get("reason") for row in lost], "--drop 2: SYN-ACK again")
    check(show("handshake", "--drop", "2").count("lost on the wire") == 1, "--drop 2 is drawn")
    once, twice = show("loss"), show("loss", "--drop", "3", "--drop", "5")
    check_equal(twice.count("lost on the wire") - once.count("lost on the wire"), 1, "--drop twice")
    everything = [word for n in range(1, 20) for word in ("--drop", str(n))]
    check("too much was lost" in show("handshake", *everything, wanted=1), "a story that fails")


@test()
def ping_and_udp():
    with World() as world:
        code, out, error = tern("ping", k_kernel, "-c", "3", "-i", "0.05")
        check_equal(code, 0, error)
        check("3 sent, 3 received, 0% lost" in out, out)
        code, _, error = tern("ping", "10.0.0.77", "-c", "1", "-W", "0.2")
        check_equal(code, 3, "nobody")
        check("is it up" in error, error)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((k_kernel, 7))
            echo = threading.Thread(target=lambda: sock.sendto(*sock.recvfrom(2000)), daemon=True)
            echo.start()
            code, out, error = tern("udp", "send", f"{k_kernel}:7", "hello")
            check_equal(code, 0, error)
            check("hello" in out, out)
        code, _, error = tern("udp", "send", f"{k_kernel}:9", "hello")
        check_equal(code, 3, error)
        check("refused" in error, error)
        world.start(command(), "udp", "echo", "--port", "7", "--link", "tap:tap0",
                    stdout=subprocess.DEVNULL)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)

            def echoed():
                try:
                    sock.sendto(b"there?", (k_tern, 7))
                    return sock.recv(100) == b"there?"
                except (TimeoutError, ConnectionRefusedError):
                    return False

            wait_until(echoed, 10, "tern's echo")


# What is wrong, the exit code, and a part of the message that helps.
k_mistakes = (
    ("", 2, "serve get ping udp demo wire sim chaos show"),
    ("frobnicate", 2, "\"frobnicate\" is no command"),
    ("serve", 2, "directory is required"),
    ("serve /nonexistent", 2, "name one that is there"),
    ("serve . --nonsense", 2, "--help"),
    ("serve . --address 10.0.0.300/24", 2, "as in 10.0.0.2/24"),
    ("serve . --address 10.0.0.2/99", 2, "as in 10.0.0.2/24"),
    ("serve . --address 10.0.0.2", 2, "with its prefix"),
    ("serve . --link eth0", 2, "--link tap:tern0"),
    ("serve . --link wire", 2, "tern demo wire"),
    ("serve . --link tap:" + 20 * "x", 2, "15 characters"),
    ("serve . --link tap:lo", 2, "choose another name"),
    ("serve . --link tun:tap0", 2, "of another kind"),
    ("serve . --link tap:tap0 --netns none", 3, "ip netns add"),
    ("serve . --gateway banana", 2, "--gateway 10.0.0.1"),
    ("serve . --gateway 99.9.9.9", 2, "in the network of one of our addresses"),
    ("serve . --route 10.1.0.0/16@x", 2, "via 10.0.0.9"),
    ("serve . --port 70000", 2, "--port"),
    ("serve . --mtu 20", 2, "68 to 65535"),
    ("serve . --vlan 4095", 2, "1 to 4094"),
    ("serve . --wait long", 2, "sleep,spin,adaptive"),
    ("serve . --buffer 0", 2, "in range"),
    ("serve . --buffer 3XB", 2, "unit"),
    ("serve . --memory 1", 2, "in range"),
    ("serve . --backlog 0", 2, "in range"),
    ("serve . --capture /nonexistent/x", 2, "make its folder first"),
    ("serve . --capture /", 2, "add the name of a file"),
    ("serve . --impair banana", 2, "write loss=1%"),
    ("serve . --impair loss=200%", 2, "write loss=1%"),
    ("serve . --impair loss=-1%", 2, "write loss=1%"),
    ("serve . --impair delay=5", 2, "delay=20ms"),
    ("serve . --impair-in drop=0", 2, "drop=3+7"),
    ("get", 2, "url is required"),
    ("get http://example.org/", 2, "write the address"),
    ("get https://10.0.0.1/", 2, "use http://"),
    ("get ftp://10.0.0.1/", 2, "only http://"),
    ("get http://10.0.0.1:99999/", 2, "1 to 65535"),
    ("get http://10.0.0.1/ --connect-timeout 0", 2, "in range"),
    ("ping banana", 2, "write the address"),
    ("udp", 2, "echo send"),
    ("udp send 10.0.0.1 hello", 2, "ADDRESS:PORT"),
    ("show", 2, "story is required"),
    ("show nonsense", 2, "handshake,close,loss,reset"),
    ("show loss --drop 0", 2, "1 to 1000000"),
    ("show loss --delay 5", 2, "such as 20ms"),
    ("show loss --width 3", 2, "80 to 400"),
    ("demo wire --impair banana", 2, "write loss=1%"),
)


@test()
def mistakes_are_answered_by_a_remedy():
    with World():
        for words, wanted, remedy in k_mistakes:
            code, out, error = tern(*words.split(), tap=None, timeout=10)
            check_equal(code, wanted, f"tern {words}: {out}{error}")
            check(remedy in error, f"tern {words}: no remedy in: {error}")
            check(len(error) < 600, f"tern {words}: a wall of text: {error}")


@test()
def no_rights_and_a_device_in_use():
    def drop_net_admin():
        prctl_capbset_drop, cap_net_admin = 24, 12
        k_libc.prctl(prctl_capbset_drop, cap_net_admin, 0, 0, 0)

    with folder() as where, World() as world:
        code, _, error = tern("serve", where, tap="tap7", preexec_fn=drop_net_admin)
        check_equal(code, 3, error)
        check("CAP_NET_ADMIN" in error and "unshare -rn" in error, f"no remedy: {error}")
        server = Server(world, where, "--quiet")
        code, _, error = tern("serve", where)
        check_equal(code, 3, error)
        check("another program holds this interface" in error, f"no remedy: {error}")
        server.stop()


# The main job --------------------------------------------------------------------------------


def main_job(*words, **options):
    # Who runs the tests in the background of a script ignores SIGINT, and a shell cannot undo it.
    return subprocess.Popen(["bash", str(k_root / "scripts/main_job.sh"), "--size", "20000000",
                             "--tern", command(), *words], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                            **options)


@test(seconds=90)
def the_main_job():
    process = main_job()
    out, _ = process.communicate(timeout=80)
    check_equal(process.returncode, 0, out[-2000:])
    for part in ("kernel curl <- tern serve: sha256 equal", "tern get <- kernel: sha256 equal",
                 "kernel ping -> tern", "UDP tern -> kernel", "UDP kernel -> tern", "answer to SYN",
                 " (SYN-SENT) |--- S ", "(FIN-WAIT-1) |--- F", "LAST-ACK", "(TIME-WAIT) |",
                 "kernel http  -> kernel curl (veth)", "Gbit/s", "Try next", "serve.pcapng"):
        check(part in out, f"the main job does not say: {part}")
    for name in ("serve", "get"):
        path = k_root / f"build/main_job/{name}.pcapng"
        check(judge(str(path), whole=False), f"{name}.pcapng is empty")


@test()
def the_main_job_without_rights_goes_over_the_wire():
    process = main_job("--wire")
    out, _ = process.communicate(timeout=50)
    check_equal(process.returncode, 0, out[-2000:])
    check("wire.pcapng" in out and "ESTABLISHED" in out, out[-2000:])


@test()
def the_main_job_leaves_nothing_behind():
    """Interrupted in the middle: no process, no namespace, no link, no file."""
    with folder() as where:
        process = main_job(start_new_session=True, env=dict(os.environ, TMPDIR=where))
        for line in process.stdout:
            if "sha256 equal" in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        process.stdout.read()
        check_equal(process.wait(timeout=20), 130, "exit code")
        check_equal(os.listdir(where), [], "files")
    links = run("ip", "-o", "link", "show")
    check("tern0" not in links and "veth0" not in links, f"links: {links}")

    def gone():
        return not pathlib.Path(f"/proc/{process.pid}").exists() and not [
            p for p in pathlib.Path("/proc").glob("[0-9]*/stat")
            if session_of(p) == process.pid]

    wait_until(gone, 5, "all of its processes are gone")


def session_of(stat):
    try:
        return int(stat.read_text().rsplit(")", 1)[1].split()[3])
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    sys.exit(main())
