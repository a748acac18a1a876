// Command gvisor_peer is gVisor's half of the benchmarks S1, S7 and S8.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

type options struct {
	seconds        float64
	connections    int
	openingSeconds float64
	json           bool
}

func (o *options) duration() time.Duration {
	return time.Duration(o.seconds * float64(time.Second))
}

// warmUp is the time that passes before a benchmark counts.
func (o *options) warmUp() time.Duration { return o.duration() / 10 }

// require ends the program when something a benchmark relies on does not hold.
func require(condition bool, what ...any) {
	if !condition {
		fmt.Fprintln(os.Stderr, append([]any{"gvisor_peer:"}, what...)...)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: gvisor_peer bulk|connections|requests [--seconds S] [--connections N] "+
		"[--opening-seconds S] [--json]")
	os.Exit(2)
}

func main() {
	benches := map[string]func(*options){
		"bulk": benchBulk, "connections": benchConnections, "requests": benchRequests,
	}
	if len(os.Args) < 2 || benches[os.Args[1]] == nil {
		usage()
	}
	var o options
	flags := flag.NewFlagSet("gvisor_peer", flag.ExitOnError)
	flags.Usage = usage
	flags.Float64Var(&o.seconds, "seconds", 3, "")
	flags.IntVar(&o.connections, "connections", 0, "")
	flags.Float64Var(&o.openingSeconds, "opening-seconds", 30, "")
	flags.BoolVar(&o.json, "json", false, "")
	_ = flags.Parse(os.Args[2:])
	if flags.NArg() != 0 || o.seconds <= 0 || o.connections < 0 {
		usage()
	}
	// Both stacks, both applications and the garbage collector share one core.
	runtime.GOMAXPROCS(1)
	benches[os.Args[1]](&o)
}
