#!/usr/bin/env bash
# The main job: the kernel's curl fetches a file from tern over a TAP device, tern fetches one from
# the kernel, ping and UDP go both ways. All of it in a network namespace of its own, so that the
# machine is left as it was.
set -euo pipefail

usage() {
    cat <<'EOT'
usage: ./run [--size BYTES] [--wire] [--tern FILE]
  --size BYTES  of the file that is transferred (209715200)
  --wire        not the kernel: two of our stacks on a wire in one process (no rights needed)
  --tern FILE   another binary than build/release/bin/tern
EOT
}

size=209715200
inside=
check=
wire=
tern=build/release/bin/tern
while [[ $# -gt 0 ]]; do
    case "$1" in
        --size) size=${2:?--size needs a number of bytes}; shift ;;
        --tern) tern=${2:?--tern needs a file}; shift ;;
        --wire) wire=1 ;;
        --check) check=1 ;; # only the words: ./run asks before it builds
        --inside) inside=1 ;; # this script calls itself in its namespace
        --help | -h) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
[[ -z "$check" ]] || exit 0
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -x "$tern" ]] || { echo "main job: $tern is not there; ./run builds it" >&2; exit 1; }
out=build/main_job # captures and ladders stay here
mkdir -p "$out"

on_the_wire() {
    echo "$1"
    echo "So the same goes over a wire within one process, between two of our stacks."
    echo
    "$tern" demo wire --size "$size" --capture "$out/wire.pcapng" --capture-snap 160 \
        --ladder-file "$out/wire.ladder"
    head -n 40 "$out/wire.ladder"
    cat <<EOT

Captured:   $out/wire.pcapng (each packet says why: Wireshark column frame.comment)
Try next:   $tern show handshake
            $tern demo wire --size 20MB --impair loss=1%,delay=5ms
EOT
    exit 0
}

if [[ -z "$inside" ]]; then
    [[ -z "$wire" ]] || on_the_wire "No kernel, as you wish."
    if [[ ! -r /dev/net/tun || ! -w /dev/net/tun ]]; then
        on_the_wire "/dev/net/tun is not there or not ours: try \`modprobe tun\`, or give the \
container --device /dev/net/tun."
    fi
    enter=(unshare -n)
    [[ "$(id -u)" -eq 0 ]] || enter=(unshare -rn)
    if ! "${enter[@]}" true 2>/dev/null; then
        on_the_wire "This user may make no network namespace: try as root."
    fi
    exec "${enter[@]}" bash scripts/main_job.sh --inside --size "$size" --tern "$tern"
fi

dir=$(mktemp -d)
pids=()
cleanup() {
    trap - EXIT INT TERM
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'cleanup; exit 130' INT
trap 'cleanup; exit 143' TERM

problems=0
say() { printf '\n== %s\n' "$*"; }
good() { printf 'ok   %s\n' "$*"; }
bad() {
    printf 'FAIL %s\n' "$*"
    problems=$((problems + 1))
}
hash_of() { sha256sum "$1" | cut -d' ' -f1; }
judge() { # judge CODE WHAT
    if [[ "$1" -eq 0 ]]; then good "$2"; else bad "$2"; fi
}
same_hash() { # same_hash FILE WHAT
    if [[ "$(hash_of "$1")" == "$want" ]]; then
        good "$2: sha256 equal"
    else
        bad "$2: sha256 differs"
    fi
    rm -f "$1"
}
gbit() { awk -v b="$1" -v s="$2" 'BEGIN { printf "%.2f Gbit/s", (s > 0 ? b * 8 / s / 1e9 : 0) }'; }

seconds_of_curl() {
    curl -sS --max-time 60 -o /dev/null -w '%{time_total}' "$1" || echo 0
}

# until_ready FILE PID: waits for the line that says so.
until_ready() {
    local i
    for ((i = 0; i < 200; i++)); do
        grep -qE 'ready|echoing' "$1" && return 0
        kill -0 "$2" 2>/dev/null || break
        sleep 0.05
    done
    cat "$1" >&2
    bad "a server did not start"
    exit 1
}
start() { # start LOG COMMAND...: a server in the background; its pid in $started
    local log=$1
    shift
    : >"$log"
    "$@" >"$log" 2>&1 &
    started=$!
    pids+=("$started")
    until_ready "$log" "$started"
}
stop() { # stop PID: asks it to end and wants exit code 0
    kill -TERM "$1" 2>/dev/null || true
    local code=0
    wait "$1" || code=$?
    local left=() pid
    for pid in "${pids[@]}"; do [[ "$pid" == "$1" ]] || left+=("$pid"); done
    pids=("${left[@]+"${left[@]}"}")
    return "$code"
}
net=(--link tap:tern0 --address 10.0.0.2/24)

say "a file of $size random bytes, a TAP device, a namespace of its own"
head -c "$size" /dev/urandom >"$dir/file.bin"
want=$(hash_of "$dir/file.bin")
echo "sha256 $want"
ip link set lo up
ip tuntap add dev tern0 mode tap
ip addr add 10.0.0.1/24 dev tern0
ip link set tern0 addrgenmode none # no IPv6 of the kernel's own in the captures
ip link set tern0 up
# The same congestion control at both ends and in the comparison.
sysctl -qw net.ipv4.tcp_congestion_control=cubic 2>/dev/null || true

say "the kernel's curl fetches from tern (watched: capture and ladder)"
start "$dir/serve.log" "$tern" serve "$dir" "${net[@]}" --json \
    --capture "$out/serve.pcapng" --capture-snap 160 --ladder-file "$out/serve.ladder"
if curl -sS --max-time 60 -o "$dir/got" http://10.0.0.2/file.bin; then
    same_hash "$dir/got" "kernel curl <- tern serve"
else
    bad "curl failed"
fi
if ping -q -c 3 -i 0.2 -W 2 10.0.0.2 >"$dir/ping.log" 2>&1; then
    good "kernel ping -> tern: $(sed -n 's/^rtt/rtt/p' "$dir/ping.log")"
else
    bad "kernel ping -> tern"
fi
code=0
stop "$started" || code=$?
judge "$code" "tern serve ended with exit code $code"

say "tern fetches from the kernel's HTTP server"
start "$dir/http.log" python3 scripts/kernel_peer.py http "$dir" 10.0.0.1 8000
kernel_server=$started
if "$tern" get http://10.0.0.1:8000/file.bin "${net[@]}" -o "$dir/got" \
    --capture "$out/get.pcapng" --capture-snap 160 --ladder-file "$out/get.ladder" 2>&1; then
    same_hash "$dir/got" "tern get <- kernel"
else
    bad "tern get failed"
fi

say "ping and UDP, both ways"
code=0
"$tern" ping 10.0.0.1 -c 3 -i 0.2 "${net[@]}" || code=$?
judge "$code" "tern ping -> kernel"
start "$dir/udp.log" python3 scripts/kernel_peer.py udp-echo 10.0.0.1 7
if [[ "$("$tern" udp send 10.0.0.1:7 "a tern" "${net[@]}")" == *"a tern" ]]; then
    good "UDP tern -> kernel -> tern"
else
    bad "UDP tern -> kernel -> tern"
fi
start "$dir/echo.log" "$tern" udp echo --port 7 --count 1 "${net[@]}"
if [[ "$(python3 scripts/kernel_peer.py udp-send 10.0.0.2 7 "a penguin")" == "a penguin" ]]; then
    good "UDP kernel -> tern -> kernel"
else
    bad "UDP kernel -> tern -> kernel"
fi
wait "$started" || bad "tern udp echo did not end well"

say "speed, unwatched, the same file"
start "$dir/serve.log" "$tern" serve "$dir" "${net[@]}" --json
to_kernel=$(seconds_of_curl http://10.0.0.2/file.bin)
stop "$started" || bad "tern serve did not end well"
from_kernel=$("$tern" get http://10.0.0.1:8000/file.bin "${net[@]}" -o /dev/null --json |
    sed 's/.*"seconds":\([0-9.]*\).*/\1/' || echo 0)
stop "$kernel_server" || true

# The kernel against itself: another namespace, a veth pair, the same server and client.
unshare -n sleep 1000 &
other=$!
pids+=("$other")
for ((i = 0; i < 100; i++)); do
    [[ "$(readlink /proc/self/ns/net)" == "$(readlink "/proc/$other/ns/net")" ]] || break
    sleep 0.02
done
ip link add veth0 type veth peer name veth1 netns "$other"
ip addr add 10.1.0.1/24 dev veth0
ip link set veth0 up
there=(nsenter -t "$other" -n)
"${there[@]}" ip addr add 10.1.0.2/24 dev veth1
"${there[@]}" ip link set veth1 up
"${there[@]}" sysctl -qw net.ipv4.tcp_congestion_control=cubic 2>/dev/null || true
start "$dir/http.log" "${there[@]}" python3 scripts/kernel_peer.py http "$dir" 10.1.0.2 8000
kernel=$(seconds_of_curl http://10.1.0.2:8000/file.bin)
stop "$started" || true

printf '%-42s %s\n' "tern serve   -> kernel curl (TAP)" "$(gbit "$size" "$to_kernel")" \
    "kernel http  -> tern get    (TAP)" "$(gbit "$size" "$from_kernel")" \
    "kernel http  -> kernel curl (veth)" "$(gbit "$size" "$kernel")"

say "what tern did while curl fetched (all of it: $out/serve.ladder)"
head -n 60 "$out/serve.ladder"

say "in the end"
cat <<EOT
Captured:   $out/serve.pcapng, $out/get.pcapng
            each packet says why; in Wireshark: the comment, or the column frame.comment
Try next:   $tern show handshake
            $tern show loss --drop 3
            $tern serve --help
EOT
if [[ "$problems" -ne 0 ]]; then
    echo "$problems of the checks above failed"
    exit 1
fi
echo "All checks passed."
