package main

import (
	"fmt"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// The rate is also given for this many first connections, while few TIME-WAITs stand.
const first = 1000

// benchConnections is S7: handshake, one byte each way, close from the client and then from the server, one
// connection at a time. The client's side stays in TIME-WAIT for gVisor's 60 s.
func benchConnections(o *options) {
	p := newPair()
	closed := make(chan struct{})
	p.listen(func(c *connection) {
		var b [1]byte
		require(c.readAll(b[:]) && b[0] == 'q', "wrong request")
		c.writeAll([]byte{'r'})
		require(!c.readAll(b[:]), "bytes after the request")
		c.close()
		closed <- struct{}{}
	})

	most := mostConnections
	if o.connections != 0 && o.connections < most {
		most = o.connections
	}
	var ended []*connection
	var firstElapsed, elapsed time.Duration
	begin := time.Now()
	for len(ended) < most && elapsed < o.duration() {
		c := p.connect(len(ended))
		var b [1]byte
		c.writeAll([]byte{'q'})
		require(c.readAll(b[:]) && b[0] == 'r', "wrong reply")
		c.close()
		<-closed
		ended = append(ended, c)
		elapsed = time.Since(begin)
		if len(ended) <= first {
			firstElapsed = elapsed
		}
	}
	// The server's last FIN may still be on its way to the client's goroutine.
	time.Sleep(50 * time.Millisecond)
	waiting := 0
	for _, c := range ended {
		if tcp.EndpointState(c.ep.State()) == tcp.StateTimeWait {
			waiting++
		}
	}
	require(waiting == len(ended) || elapsed > tcp.DefaultTCPTimeWaitTimeout, "the client kept", waiting,
		"TIME-WAITs of", len(ended))
	p.requireIntact()

	firsts := first
	if len(ended) < first {
		firsts = len(ended)
	}
	rate := float64(len(ended)) / elapsed.Seconds()
	firstRate := float64(firsts) / firstElapsed.Seconds()
	format := "gvisor connections: %.0f/s; the first 1,000: %.0f/s (%d connections, %d in TIME-WAIT)\n"
	if o.json {
		format = `{"peer":"gvisor","bench":"connections","connections_per_s":%.0f,"first_1000_per_s":%.0f,` +
			`"connections":%d,"time_waits":%d}` + "\n"
	}
	fmt.Printf(format, rate, firstRate, len(ended), waiting)
}
