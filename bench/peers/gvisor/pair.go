package main

import (
	"bytes"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/pipe"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	nic           = 1
	mtu           = 1500
	firstPort     = 80
	serverPorts   = 64
	perServerPort = 16000
	// Every connection below this number finds a free client port, whatever stands in TIME-WAIT.
	mostConnections = serverPorts * perServerPort
)

var (
	clientAddress = tcpip.Address("\x0a\x00\x00\x01")
	serverAddress = tcpip.Address("\x0a\x00\x00\x02")
)

// pair is a client and a server stack joined by gVisor's own pipe link, which offers no offload: both
// stacks compute and verify every checksum.
type pair struct {
	client *stack.Stack
	server *stack.Stack
}

func newPair() *pair {
	clientLink, serverLink := pipe.New("", "", mtu)
	return &pair{newStack(clientLink, clientAddress), newStack(serverLink, serverAddress)}
}

func newStack(link stack.LinkEndpoint, address tcpip.Address) *stack.Stack {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	err := s.CreateNIC(nic, link)
	require(err == nil, "create NIC:", err)
	err = s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol:          header.IPv4ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: address, PrefixLen: 24},
	}, stack.AddressProperties{})
	require(err == nil, "add address:", err)
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return s
}

// connection is one end of a TCP connection with calls that block.
type connection struct {
	ep       tcpip.Endpoint
	wq       *waiter.Queue
	readable chan struct{}
	writable chan struct{}
	in, out  waiter.Entry
}

func newConnection(ep tcpip.Endpoint, wq *waiter.Queue) *connection {
	c := &connection{ep: ep, wq: wq}
	c.in, c.readable = waiter.NewChannelEntry(waiter.ReadableEvents | waiter.EventErr | waiter.EventHUp)
	c.out, c.writable = waiter.NewChannelEntry(waiter.WritableEvents | waiter.EventErr | waiter.EventHUp)
	wq.EventRegister(&c.in)
	wq.EventRegister(&c.out)
	return c
}

// listen serves every accepted connection with a call of serve, on all the ports that connect uses.
func (p *pair) listen(serve func(*connection)) {
	for i := 0; i < serverPorts; i++ {
		wq := new(waiter.Queue)
		ep, err := p.server.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, wq)
		require(err == nil, "listener:", err)
		err = ep.Bind(tcpip.FullAddress{Addr: serverAddress, Port: uint16(firstPort + i)})
		require(err == nil, "bind:", err)
		err = ep.Listen(4096)
		require(err == nil, "listen:", err)
		go accept(newConnection(ep, wq), serve)
	}
}

func accept(listener *connection, serve func(*connection)) {
	for {
		ep, wq, err := listener.ep.Accept(nil)
		if wouldBlock(err) {
			<-listener.readable
			continue
		}
		require(err == nil, "accept:", err)
		serve(newConnection(ep, wq))
	}
}

// connect opens connection number n and waits until it is established.
func (p *pair) connect(n int) *connection {
	wq := new(waiter.Queue)
	ep, err := p.client.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, wq)
	require(err == nil, "endpoint:", err)
	c := newConnection(ep, wq)
	port := uint16(firstPort + n/perServerPort)
	err = ep.Connect(tcpip.FullAddress{NIC: nic, Addr: serverAddress, Port: port})
	if _, started := err.(*tcpip.ErrConnectStarted); started {
		<-c.writable
		err = ep.LastError()
	}
	require(err == nil, "connect:", err)
	return c
}

func wouldBlock(err tcpip.Error) bool {
	_, is := err.(*tcpip.ErrWouldBlock)
	return is
}

// read copies what is there into b, waiting for at least one byte. It returns 0 at the end of the stream.
func (c *connection) read(b []byte) int {
	for {
		w := tcpip.SliceWriter(b)
		result, err := c.ep.Read(&w, tcpip.ReadOptions{})
		if wouldBlock(err) {
			<-c.readable
			continue
		}
		if _, end := err.(*tcpip.ErrClosedForReceive); end {
			return 0
		}
		require(err == nil, "read:", err)
		return result.Count
	}
}

// readAll fills b; it returns false when the stream ended instead.
func (c *connection) readAll(b []byte) bool {
	for filled := 0; filled < len(b); {
		n := c.read(b[filled:])
		if n == 0 {
			require(filled == 0, "the stream ended in a message")
			return false
		}
		filled += n
	}
	return true
}

func (c *connection) writeAll(b []byte) {
	r := bytes.NewReader(b)
	for r.Len() > 0 {
		_, err := c.ep.Write(r, tcpip.WriteOptions{})
		if wouldBlock(err) {
			<-c.writable
			continue
		}
		require(err == nil, "write:", err)
	}
}

// close closes this end in order.
func (c *connection) close() {
	c.wq.EventUnregister(&c.in)
	c.wq.EventUnregister(&c.out)
	c.ep.Close()
}

// requireIntact ends the program when a stack has seen a damaged packet.
func (p *pair) requireIntact() {
	for _, s := range []*stack.Stack{p.client, p.server} {
		require(s.Stats().TCP.ChecksumErrors.Value() == 0, "checksum errors")
	}
}
