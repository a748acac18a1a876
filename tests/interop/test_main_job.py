#!/usr/bin/env python3
"""scripts/main_job.sh, what ./run ends with."""
import signal
import sys

from lib_commands import *


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
    out, _ = process.communicate(timeout=80 * k_patience)
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
    out, _ = process.communicate(timeout=50 * k_patience)
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
        check_equal(process.wait(timeout=20 * k_patience), 130, "exit code")
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
