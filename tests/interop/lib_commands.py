"""What the tests of the command tern share: how it is called, its server, curl, nginx, and what
tshark says of its captures."""
import signal

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
                          capture_output=True, text=True, timeout=timeout * k_patience, **options)
    return done.returncode, done.stdout, done.stderr


class Server:
    """tern serve; what it says is read line by line."""

    def __init__(self, world, where, *words):
        self.process = world.start(command(), "serve", where, "--link", world.link, *words,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = Lines(self.process.stdout)
        self.ready = self.lines.next(10)
        check(self.ready is not None, "tern serve did not start")

    def stop(self, sign=signal.SIGTERM):
        """(the rest of standard output, standard error), after a good end."""
        self.process.send_signal(sign)
        out, error = self.process.communicate(timeout=15 * k_patience)
        check_equal(self.process.returncode, 0, f"exit code of tern serve: {error.decode()}")
        return (self.lines.rest + out).decode(), error.decode()


def outlive_device(world, where, device):
    """A server whose device is removed says so, and ends."""
    fill(where)
    server = Server(world, where, "--quiet")
    check_equal(curl("/small.txt"), b"0123456789", "small.txt")
    run("ip", "link", "del", device)
    _, error = server.process.communicate(timeout=15)
    check_equal(server.process.returncode, 3, error.decode())
    check("the device is gone" in error.decode(), error.decode())


def curl(path, *words, ok=True):
    """Standard output of curl for tern's server."""
    done = subprocess.run(["curl", "-sS", "--max-time", str(20 * k_patience), *words,
                           f"http://{k_tern}{path}"],
                          capture_output=True, timeout=30 * k_patience)
    check(not ok or done.returncode == 0, f"curl {path}: {done.stderr.decode()}")
    return done.stdout


def status(path, *words):
    return curl(path, "-o", "/dev/null", "-w", "%{http_code}", *words).decode()


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
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 * k_patience)
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
