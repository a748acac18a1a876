#!/usr/bin/env python3
"""tern get against nginx, and against servers that do what they like."""
import signal
import sys
import threading
import time

from lib_commands import *


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
    world.closers.append(lambda: (going.set(), thread.join(5 * k_patience)))
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
        check("--stall-timeout" in error, error)
        nonsense = answer_once(world, b"I am no HTTP server\r\n\r\n")
        code, _, error = tern("get", url("/", nonsense), "-o", f"{where}/none")
        check_equal(code, 5, error)
        check(not os.path.exists(f"{where}/none"), "a file for nothing")
        other_range = answer_once(world, b"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-3/4\r\n"
                                         b"Content-Length: 4\r\n\r\nfour")
        pathlib.Path(got).write_bytes(b"ab")
        code, _, error = tern("get", url("/", other_range), "-o", got, "--resume")
        check_equal((code, pathlib.Path(got).read_bytes()), (5, b"ab"), f"another range: {error}")
        hints = answer_once(world, b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
                            b"HTTP/1.1 203\r\nContent-Length: 3\r\n\r\nabc")
        check_equal(tern("get", url("/", hints), "-o", "-")[:2], (0, "abc"), "interim answers")
        nowhere = answer_once(world, b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")
        code, _, error = tern("get", url("/", nowhere), "-o", f"{where}/none")
        check_equal(code, 4, error)
        check("no Location" in error and not os.path.exists(f"{where}/none"), error)
        nothing = answer_once(world, b"HTTP/1.1 204 No Content\r\n\r\n")
        code, out, error = tern("get", url("/", nothing), "-o", f"{where}/none")
        check_equal(code, 0, error)
        check("204" in out and not os.path.exists(f"{where}/none"), f"{out} {error}")
        data = answer_once(world, head + b"Content-Length: 3\r\n\r\nabc")
        code, out, error = tern("get", url("/", data), "-o", "-", "--json", "--counters",
                                "--ladder")
        check_equal((code, out), (0, "abc"), "data alone on standard output")
        check('"status":200' in error.replace(" ", ""), f"reports on standard error: {error}")


@test()
def get_counts_any_byte_as_progress():
    """Chunks that come one by one, for longer than --stall-timeout in all."""
    with folder() as where, World() as world:
        pieces = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
        pieces += [b"1\r\nx\r\n"] * 200 + [b"0\r\n\r\n"]  # one in 20 ms
        port = answer_once(world, *pieces)
        check_equal(tern("get", url("/", port), "-o", "-", "--stall-timeout", "3")[:2],
                    (0, "x" * 200), "a trickle")


@test()
def get_tells_that_its_device_is_gone():
    with folder() as where, World() as world:
        fill(where)
        start_http(world, where)
        got = pathlib.Path(where, "got")
        process = world.start(command(), "get", url("/slow/big.bin"), "-o", str(got), "--link",
                              "tap:tap0", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_until(lambda: got.exists() and got.stat().st_size > 100_000, 10, "some bytes")
        run("ip", "link", "del", world.tap)
        _, error = process.communicate(timeout=15)
        check_equal(process.returncode, 3, error.decode())
        check(b"the device is gone" in error, error.decode())


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
        _, error = process.communicate(timeout=10 * k_patience)
        check_equal(process.returncode, 130, error.decode())
        check(b"--resume" in error, error.decode())
        check(got.stat().st_size < k_big, "it was not interrupted")
        code, _, said = tern("get", url("/big.bin"), "-o", str(got), "--resume")
        check_equal((code, hash_of(got)), (0, whole), said)


if __name__ == "__main__":
    sys.exit(main())
