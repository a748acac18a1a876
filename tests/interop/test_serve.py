#!/usr/bin/env python3
"""tern serve against curl and plain sockets."""
import http.client
import signal
import sys
import time

from lib_commands import *


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
        client = http.client.HTTPConnection(k_tern, timeout=10 * k_patience)
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
    bad = ((400, b"no HTTP at all\r\n\r\n"), (400, b"GET\r\n\r\n"), (400, b"\x00\xff" * 100),
           (400, b"GET / HTTP/1.1\r\nno colon\r\n\r\n"), (400, b"GET / HTTP/1.1\r\n\r\n"),
           (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)),
           (414, b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n\r\n"),
           (431, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 60_000),
           (501, b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n"), (505, b"GET / HTTP/9.9\r\n\r\n"))
    with folder() as where, World() as world:
        fill(where)
        server = Server(world, where, "--json")
        for wanted, text in bad:
            with connect(80) as sock:
                sock.sendall(text)
                sock.shutdown(socket.SHUT_WR)
                answer = receive_exactly(sock, 12)
                check_equal(answer, b"HTTP/1.1 %d" % wanted, f"to {text[:30]!r}")
        with connect(80) as sock:  # half a request, then nothing
            sock.sendall(b"GET / HT")
        reset = connect(80)
        reset.sendall(b"GET /big.bin HTTP/1.0\r\n\r\n")
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        reset.close()
        check_equal(curl("/small.txt"), b"0123456789", "the next one is served all the same")
        out, _ = server.stop()
        records = [json.loads(line) for line in out.splitlines()]
        refused = [r for r in records if r["event"] == "request" and r["status"] >= 400]
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
                       timeout=10 * k_patience, check=False)
        wait_until(lambda: not tcp_states("state", "established"), 5, "curl is gone")
        out, error = server.stop(signal.SIGINT)
        check("1 transfers" in error and "B/s" in error, f"no progress: {error!r}")
        at = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        check(re.search(at + r" 10\.0\.0\.1:\d+ GET /big\.bin 200 6000000 bytes", out), out)
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
                sock.settimeout(2 * k_patience)
                sock.connect((k_tern, 80))
                sock.sendall(b"GET /big.bin HTTP/1.0\r\n\r\n")
                lazy.append(sock)
            time.sleep(0.5)
            run("ping", "-c", "2", "-W", "2", k_tern)
            check_equal(curl("/small.txt"), b"0123456789", f"beside lazy clients {words}")
            for sock in lazy:
                sock.close()
            check_equal(len(curl("/big.bin")), k_big, f"after lazy clients {words}")
            server.stop()


@test()
def serve_outlives_its_device():
    with folder() as where, World() as world:
        outlive_device(world, where, world.tap)


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


if __name__ == "__main__":
    sys.exit(main())
