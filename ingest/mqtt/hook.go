package mqtt

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"
	"sync/atomic"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

var (
	errForeignTopic = errors.New("topic of somebody else")
	errNotTaken     = errors.New("message was not taken")
)

// hook is where mochi asks us. Its methods run on the goroutine of the client
// they are about.
type hook struct {
	mochi.HookBase
	broker *Broker

	mu      sync.Mutex
	current map[string]*mochi.Client // by session: whose Will still counts
	working map[*mochi.Client]bool   // whose publish was begun and not ended
}

func (h *hook) ID() string { return "watchpost" }

func (h *hook) Provides(b byte) bool {
	switch b {
	case mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnConnect, mochi.OnSessionEstablished,
		mochi.OnDisconnect, mochi.OnPacketRead, mochi.OnPublish, mochi.OnPacketProcessed, mochi.OnPublishDropped, mochi.OnWill:
		return true
	}
	return false
}

// OnConnect refuses MQTT 5: contracts name 3.1.1, and another version would
// have other rules for refusing a message.
func (h *hook) OnConnect(cl *mochi.Client, _ packets.Packet) error {
	if cl.Properties.ProtocolVersion < 5 {
		return nil
	}
	h.refuse(cl, "MQTT 5 is not spoken here: set the device to 3.1.1")
	_ = h.broker.server.SendConnack(cl, packets.ErrUnsupportedProtocolVersion, false, nil)
	return packets.ErrUnsupportedProtocolVersion
}

// OnConnectAuthenticate checks the password in constant time, or the client's
// certificate, which names the account by itself; and the Will, which mochi
// publishes without asking. It also puts the user in front of the
// client's id: a session can only be taken over by the account it belongs to.
func (h *hook) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	user := string(pk.Connect.Username)
	shown := certified(cl.Net.Conn)
	if shown != "" {
		if user != "" && user != shown {
			h.refuse(cl, fmt.Sprintf("the certificate is of %q", shown))
			return false
		}
		user, cl.Properties.Username = shown, []byte(shown)
	}
	account, known := h.broker.opts.Accounts(user)
	same := equal(account.Password, string(pk.Connect.Password))
	switch {
	case !known:
		h.refuse(cl, "unknown user name")
		return false
	case shown != "" && usable(account.Prefix):
	case !same:
		h.refuse(cl, "wrong password")
		return false
	case account.Password == "":
		h.refuse(cl, "no password is configured for this user")
		return false
	case !usable(account.Prefix):
		h.refuse(cl, fmt.Sprintf("the id cannot be part of a topic (%q)", account.Prefix))
		return false
	}
	if will := cl.Properties.Will; will.Flag != 0 && !writable(account, will.TopicName) {
		h.refuse(cl, fmt.Sprintf("Will on topic %q, which is not %s", will.TopicName, account.own(true)))
		return false
	}
	cl.ID = user + "\x00" + cl.ID
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.current) > 2*h.broker.opts.ClientsMax { // connections that broke before their session was established
		maps.DeleteFunc(h.current, func(_ string, old *mochi.Client) bool { return old.Closed() })
	}
	if !account.OneWay && account.Tells == "" { // a person may have two phones
		h.twins(user, cl)
	}
	h.current[cl.ID] = cl
	return true
}

// twins tells of a device that speaks as another one which is still there. It
// may be the same one, at a new address after its line broke: that happens
// once, two devices with one id at every connection. The caller has the lock.
func (h *hook) twins(user string, cl *mochi.Client) {
	here := host(cl)
	for _, other := range h.current {
		if there := host(other); string(other.Properties.Username) == user && !other.Closed() && there != here {
			h.broker.twins.add(user, here, fmt.Sprintf("also connected from %s: give each device an id of its own", there))
		}
	}
}

// certified is whom the connection's client certificate names, after the
// handshake has verified it; "" when there is none.
func certified(conn net.Conn) string {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return ""
	}
	chains := secure.ConnectionState().VerifiedChains
	if len(chains) == 0 {
		return ""
	}
	return chains[0][0].Subject.CommonName
}

// equal compares in a time that tells nothing about either.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// OnSessionEstablished switches off mochi's send quota: mochi keeps the packet
// ids of both directions in one map, so an id used by both leaks one of the
// quota, and after 1024 of them the client would never be sent anything again.
func (h *hook) OnSessionEstablished(cl *mochi.Client, _ packets.Packet) {
	cl.State.Inflight.ResetSendQuota(0)
	h.broker.log.Debug("mqtt client connected", "client", string(cl.Properties.Username), "remote", cl.Net.Remote)
}

// OnDisconnect tells why mochi has ended a connection whose client broke the
// protocol, or sent too much at once: nobody else says so, and it comes again.
func (h *hook) OnDisconnect(cl *mochi.Client, err error, _ bool) {
	var code packets.Code
	if errors.As(err, &code) {
		switch code.Code {
		case packets.ErrPacketTooLarge.Code:
			h.refuse(cl, fmt.Sprintf("a message of more than %d bytes: send less at once", messageBytesMax))
		case packets.ErrMalformedPacket.Code, packets.ErrProtocolViolation.Code, packets.ErrTopicFilterInvalid.Code, packets.ErrTopicNameInvalid.Code:
			h.refuse(cl, "what it sent is no MQTT 3.1.1: "+code.Reason)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current[cl.ID] == cl {
		delete(h.current, cl.ID)
	}
}

// OnPacketRead sees publishes that mochi drops without a word (a wildcard in
// the topic's name): they are refused like any foreign topic. An empty password
// is one that is wrong (3.1.1 allows it), to be answered as such.
func (h *hook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Type == packets.Connect && pk.ProtocolVersion < 5 && len(pk.Connect.Password) == 0 {
		pk.Connect.PasswordFlag = false
	}
	if pk.FixedHeader.Type == packets.Publish && !mochi.IsValidFilter(pk.TopicName, true) {
		h.refuse(cl, fmt.Sprintf("publish on %q, which is no topic", pk.TopicName))
		cl.Stop(errForeignTopic)
		return pk, packets.ErrRejectPacket
	}
	return pk, nil
}

// OnACLCheck keeps a client below its own prefix. mochi asks for publishes,
// subscriptions and deliveries alike; a refusal disconnects, since 3.1.1 has
// no other answer to a publish. The subscription of a one-way account is
// answered with a failure and no more.
func (h *hook) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	account, known := h.broker.opts.Accounts(string(cl.Properties.Username))
	if known && write && writable(account, topic) || known && !write && usable(account.Prefix) && allowed(account.Prefix, topic) {
		return true
	}
	if known && account.OneWay && !write {
		return false
	}
	what := "subscribe to"
	if write {
		what = "publish on"
	}
	h.refuse(cl, fmt.Sprintf("%s %q, which is not %s", what, topic, account.own(write)))
	cl.Stop(errForeignTopic)
	return false
}

func writable(account Account, topic string) bool {
	return usable(account.Prefix) && allowed(account.Prefix, topic) && mochi.IsValidFilter(topic, true) && (account.Tells == "" || topic == account.Tells)
}

// own says what an account may do, for whoever set up the device.
func (a Account) own(write bool) string {
	if write && a.Tells != "" {
		return fmt.Sprintf("%q", a.Tells)
	}
	return fmt.Sprintf("below %q", a.Prefix)
}

// OnPublish runs the handlers before mochi writes PUBACK. Under 3.1.1 only
// exactly ErrRejectPacket keeps mochi from acknowledging.
func (h *hook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	b := h.broker
	user := string(cl.Properties.Username)
	if h.oneWay(cl) {
		pk.FixedHeader.Retain = false
	}
	if !b.begin() {
		cl.Stop(errNotTaken)
		return pk, packets.ErrRejectPacket
	}
	h.mu.Lock()
	h.working[cl] = true
	h.mu.Unlock()
	if pk.FixedHeader.Retain && atomic.LoadInt64(&b.server.Info.Retained) >= retainedMax {
		h.refuse(cl, fmt.Sprintf("more than %d retained topics", retainedMax))
		cl.Stop(errNotTaken)
		return pk, packets.ErrRejectPacket
	}
	err := b.handlers.call(b.work, user, pk.TopicName, pk.Payload)
	if err != nil {
		b.rejected.Add(1)
		b.log.Warn("mqtt message not taken, connection closed so that it comes again", "client", user, "topic", pk.TopicName, "err", err)
		cl.Stop(errNotTaken)
		return pk, packets.ErrRejectPacket
	}
	b.messages.Add(1)
	return pk, nil
}

// OnPacketProcessed comes after PUBACK was written: what was taken is
// acknowledged before the broker stops.
func (h *hook) OnPacketProcessed(cl *mochi.Client, pk packets.Packet, _ error) {
	if pk.FixedHeader.Type != packets.Publish {
		return
	}
	h.mu.Lock()
	working := h.working[cl]
	delete(h.working, cl)
	h.mu.Unlock()
	if working {
		h.broker.end()
	}
}

func (h *hook) OnPublishDropped(*mochi.Client, packets.Packet) { h.broker.dropped.Add(1) }

// OnWill gives the Will to the handlers as if its owner had published it. The
// Will of a connection that the same client has already replaced would say
// "offline" of somebody who is there: it is sent where nobody listens.
func (h *hook) OnWill(cl *mochi.Client, will mochi.Will) (mochi.Will, error) {
	h.mu.Lock()
	superseded := h.current[cl.ID] != cl
	h.mu.Unlock()
	if superseded {
		return mochi.Will{TopicName: "$superseded"}, nil
	}
	if h.oneWay(cl) {
		will.Retain = false
	}
	b := h.broker
	if !b.begin() {
		return will, nil
	}
	defer b.end()
	user := string(cl.Properties.Username)
	if err := b.handlers.call(b.work, user, will.TopicName, will.Payload); err != nil {
		b.rejected.Add(1)
		b.log.Warn("will of mqtt client not taken", "client", user, "topic", will.TopicName, "err", err)
	}
	return will, nil
}

func (h *hook) oneWay(cl *mochi.Client) bool {
	account, known := h.broker.opts.Accounts(string(cl.Properties.Username))
	return known && account.OneWay
}

func (h *hook) refuse(cl *mochi.Client, why string) {
	h.broker.refusals.add(string(cl.Properties.Username), host(cl), why)
}

// host is the machine of a client.
func host(cl *mochi.Client) string {
	name, _, err := net.SplitHostPort(cl.Net.Remote)
	if err != nil {
		return cl.Net.Remote
	}
	return name
}
