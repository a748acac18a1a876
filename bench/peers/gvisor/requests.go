package main

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"time"
)

const message = 64

// benchRequests is S8: a 64-byte request and a 64-byte response, one at a time, each on a connection chosen
// at random. The server has a goroutine for every connection, as is the custom in Go.
func benchRequests(o *options) {
	asked := 1
	if o.connections != 0 {
		asked = o.connections
	}
	require(asked <= mostConnections, "too many connections")
	p := newPair()
	p.listen(func(c *connection) { go answer(c) })

	number := uint64(0)
	request, response := make([]byte, message), make([]byte, message)
	roundTrip := func(c *connection) {
		number++
		binary.LittleEndian.PutUint64(request, number)
		request[message-1] = byte(number)
		c.writeAll(request)
		require(c.readAll(response), "a connection broke")
		intact := binary.LittleEndian.Uint64(response) == number && response[message-1] == byte(number)+1
		require(intact, "a response is wrong")
	}

	// The first round trip of a connection allocates, so it belongs to opening.
	var open []*connection
	opening := time.Now()
	for len(open) < asked && time.Since(opening).Seconds() < o.openingSeconds {
		open = append(open, p.connect(len(open)))
		roundTrip(open[len(open)-1])
	}
	openingElapsed := time.Since(opening)
	// The garbage of opening is not the round trips' cost.
	runtime.GC()

	// Marsaglia's xorshift64: the same order of connections in every run.
	state := uint64(88172645463325252)
	run := func(d time.Duration) (roundTrips int, elapsed time.Duration) {
		begin := time.Now()
		for elapsed < d {
			state ^= state << 13
			state ^= state >> 7
			state ^= state << 17
			roundTrip(open[state%uint64(len(open))])
			roundTrips++
			elapsed = time.Since(begin)
		}
		return roundTrips, elapsed
	}
	run(o.warmUp())
	roundTrips, elapsed := run(o.duration())
	p.requireIntact()

	us := float64(elapsed.Nanoseconds()) / 1e3 / float64(roundTrips)
	format := "gvisor requests: %.3f us per round trip over %d of %d connections (%d round trips, opened in %.2f s)\n"
	if o.json {
		format = `{"peer":"gvisor","bench":"requests","us_per_round_trip":%.3f,"connections":%d,` +
			`"connections_asked":%d,"round_trips":%d,"opening_seconds":%.2f}` + "\n"
	}
	fmt.Printf(format, us, len(open), asked, roundTrips, openingElapsed.Seconds())
}

// answer returns each request with a changed last byte.
func answer(c *connection) {
	b := make([]byte, message)
	for c.readAll(b) {
		b[message-1]++
		c.writeAll(b)
	}
	c.close()
}
