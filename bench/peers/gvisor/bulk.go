package main

import (
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// The stream repeats a pattern of a prime length, so a lost, doubled or shifted byte range is noticed.
	period = 16381
	chunk  = 65536
)

// benchBulk is S1: one connection, the client writes as fast as it can, the server copies everything out.
func benchBulk(o *options) {
	pattern := make([]byte, period+chunk)
	x := uint32(1)
	for i := range pattern[:period] {
		x = x*1664525 + 1013904223
		pattern[i] = byte(x >> 24)
	}
	for i := period; i < len(pattern); i++ {
		pattern[i] = pattern[i-period]
	}

	p := newPair()
	var received atomic.Uint64
	p.listen(func(c *connection) {
		sink := make([]byte, chunk)
		at := 0
		for {
			n := c.read(sink)
			require(n > 0, "the stream ended early")
			require(sink[0] == pattern[at%period] && sink[n-1] == pattern[(at+n-1)%period], "the stream is damaged")
			at += n
			received.Store(uint64(at))
		}
	})
	c := p.connect(0)
	sent := 0
	run := func(d time.Duration) time.Duration {
		begin := time.Now()
		for time.Since(begin) < d {
			c.writeAll(pattern[sent%period:][:chunk])
			sent += chunk
		}
		return time.Since(begin)
	}
	run(o.warmUp())
	// The client sends nothing but data segments once the connection stands.
	segments := p.client.Stats().TCP.SegmentsSent
	firstByte, firstFrame := received.Load(), segments.Value()
	elapsed := run(o.duration())
	bytes, frames := received.Load()-firstByte, segments.Value()-firstFrame
	p.requireIntact()
	require(frames > 0, "nothing was sent")

	gbit := float64(bytes) * 8 / float64(elapsed.Nanoseconds())
	ns := float64(elapsed.Nanoseconds()) / float64(frames)
	format := "gvisor bulk: %.3f Gbit/s, %.1f ns per data frame (%d frames, %d bytes)\n"
	if o.json {
		format = `{"peer":"gvisor","bench":"bulk","gbit_per_s":%.3f,"ns_per_frame":%.1f,"frames":%d,"bytes":%d}` + "\n"
	}
	fmt.Printf(format, gbit, ns, frames, bytes)
}
