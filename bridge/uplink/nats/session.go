package nats

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	downMax        = 256 // messages from above that wait
	requestNameMax = 128
)

// session is one connection.
type session struct {
	uplink  *Uplink
	handle  bridge.Handler
	conn    *natsgo.Conn
	js      jetstream.JetStream
	down    func() // stops what comes down
	largest int    // bytes of an event that server and stream take

	ctx    context.Context
	cancel context.CancelCauseFunc
	unbind context.CancelFunc // lets go of the connection's context
	closed sync.Once

	handling sync.Mutex // one message from above at a time; Close waits for it

	mu        sync.Mutex // also over the order of publishes
	published map[laneOf]uint64
	acked     map[laneOf]uint64 // without a hole, in this session
}

var _ bridge.Session = (*session)(nil)

func (s *session) open(ctx context.Context) error {
	// The connection lives as long as the session; only its making ends with ctx.
	dialCtx, unbind := context.WithCancel(context.Background())
	s.unbind = unbind
	stop := context.AfterFunc(ctx, unbind)
	defer stop()
	conn, err := s.uplink.connect(dialCtx, s.lost)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	s.conn = conn
	s.js, err = jetstream.New(conn,
		jetstream.WithPublishAsyncMaxPending(pendingMax),
		jetstream.WithPublishAsyncTimeout(s.uplink.options.AckWithin),
		jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		return err
	}
	askCtx, done := context.WithTimeoutCause(ctx, requestTimeout, fmt.Errorf("no answer within %s", requestTimeout))
	defer done()
	stream, info, err := s.uplink.stream(askCtx, s.js)
	if err != nil {
		return err
	}
	s.largest = int(conn.MaxPayload()) - headerRoom
	if most := int(info.Config.MaxMsgSize); most > 0 {
		s.largest = min(s.largest, most-headerRoom)
	}
	return s.listen(askCtx, stream, info)
}

// lost is called by nats.go when the connection has ended.
func (s *session) lost(err error) { s.cancel(err) }

// Send implements bridge.Session.
func (s *session) Send(ctx context.Context, b bridge.Batch) (bridge.Ticket, error) {
	for i := range b.Events {
		if n := len(b.Events[i].Wire); n > s.largest {
			return nil, &bridge.EventError{Reason: fmt.Sprintf("has %d bytes, the stream takes %d", n, s.largest)}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &ticket{session: s, batch: b, acks: make([]jetstream.PubAckFuture, 0, len(b.Events))}
	for i := range b.Events {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if s.ctx.Err() != nil {
			return nil, s.Err() // nothing more behind a hole
		}
		e := &b.Events[i]
		// An event of another lane may stand in this one: journal.retired does.
		message := &natsgo.Msg{Subject: s.uplink.root + "up." + leaf(b), Data: e.Wire, Header: natsgo.Header{"Watchpost-Lane": {string(b.Lane)}}}
		ack, err := s.js.PublishMsgAsync(message, jetstream.WithMsgID(s.uplink.messageID(b, e)),
			jetstream.WithExpectStream(s.uplink.options.Stream), jetstream.WithRetryAttempts(0)) // a late repeat would come out of order
		if err != nil {
			err = fmt.Errorf("publish to %s: %w", s.uplink.options.URL, err)
			s.cancel(err)
			return nil, err
		}
		if b.Way == bridge.WayLane {
			lane := laneOf{e.Epoch, e.Lane}
			if _, begun := s.published[lane]; !begun {
				s.acked[lane] = e.Sequence - 1
			}
			s.published[lane] = e.Sequence
		}
		t.acks = append(t.acks, ack)
	}
	return t, nil
}

func leaf(b bridge.Batch) string {
	if b.Way == bridge.WayLane {
		return string(b.Lane)
	}
	return string(b.Way)
}

// messageID is the event's Nats-Msg-Id on its way (contracts.md).
func (u *Uplink) messageID(b bridge.Batch, e *bridge.Outgoing) string {
	switch b.Way {
	case bridge.WayNow:
		return "now/" + e.ID
	case bridge.WayReplay:
		return "replay/" + requestName(b.Request) + "/" + e.ID
	}
	id := fmt.Sprintf("%s/%s/%d", e.Epoch, e.Lane, e.Sequence)
	u.mu.Lock()
	defer u.mu.Unlock()
	if h := u.holes[laneOf{e.Epoch, e.Lane}]; h.count > 0 && e.Sequence >= h.first && e.Sequence <= h.last {
		id += fmt.Sprintf("/again-%d", h.count)
	}
	return id
}

// requestName makes headquarters' name for a replay fit for a header.
func requestName(request string) string {
	plain := strings.Map(func(r rune) rune {
		if r > ' ' && r <= '~' {
			return r
		}
		return -1
	}, request)
	if plain == request && len(request) <= requestNameMax {
		return request
	}
	sum := sha256.Sum256([]byte(request))
	return hex.EncodeToString(sum[:])
}

// ticket is a batch on its way to the stream.
type ticket struct {
	session *session
	batch   bridge.Batch
	acks    []jetstream.PubAckFuture
}

// Wait implements bridge.Ticket.
func (t *ticket) Wait(ctx context.Context) error {
	s := t.session
	for i, ack := range t.acks {
		select {
		case at := <-ack.Ok():
			if err := s.taken(&t.batch, i, at); err != nil {
				return s.refused(&t.batch, i, err)
			}
		case err := <-ack.Err():
			return s.refused(&t.batch, i, err)
		case <-s.ctx.Done():
			return s.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// taken notes that the stream has an event and all before it in its lane. It
// refuses one that the stream has from before, in front of the one before it:
// a server that was killed may have refused that one, took later ones, and
// said neither.
func (s *session) taken(b *bridge.Batch, i int, at *jetstream.PubAck) error {
	if b.Way != bridge.WayLane {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uplink.mu.Lock()
	defer s.uplink.mu.Unlock()
	lane, n := laneOf{b.Events[i].Epoch, b.Events[i].Lane}, b.Events[i].Sequence
	if newest := s.uplink.newest[lane]; n > newest.sequence {
		if at.Duplicate && at.Sequence < newest.at {
			return fmt.Errorf("it stands at %d, the one before it at %d", at.Sequence, newest.at)
		}
		s.uplink.newest[lane] = place{n, at.Sequence}
	}
	s.acked[lane] = max(s.acked[lane], n)
	return nil
}

// refused ends the session at an event that the stream did not take, and
// remembers of every lane what may stand behind a hole.
func (s *session) refused(b *bridge.Batch, i int, why error) error {
	e := &b.Events[i]
	why = fmt.Errorf("stream %s did not take %s: %w", s.uplink.options.Stream, e.ID, why)
	s.cancel(why)
	s.mu.Lock() // no Send is on its way any more
	defer s.mu.Unlock()
	u := s.uplink
	u.mu.Lock()
	defer u.mu.Unlock()
	u.needs = len(e.Wire) + headerRoom
	for lane, last := range s.published {
		if acked := s.acked[lane]; last > acked {
			h := u.holes[lane]
			u.holes[lane] = hole{first: acked + 1, last: max(h.last, last), count: h.count + 1}
		}
	}
	if err := u.keepHoles(); err != nil {
		u.options.Logger.Warn("a restart now would leave the stream out of order", "err", err)
	}
	return why
}

// listen takes what comes down: from the stream, or as plain messages.
func (s *session) listen(ctx context.Context, stream jetstream.Stream, info *jetstream.StreamInfo) error {
	u := s.uplink
	subject := u.root + "down.*"
	if !takes(info.Config.Subjects, subject) {
		subscription, err := s.conn.Subscribe(subject, s.takePlain)
		if err != nil {
			return fmt.Errorf("subscribe %s: %w", subject, err)
		}
		if err := subscription.SetPendingLimits(downMax, downMax*natsDownBytes); err != nil {
			return fmt.Errorf("subscribe %s: %w", subject, err)
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		if !u.unstored {
			u.unstored = true
			u.options.Logger.Info("the stream does not keep what comes down: orders reach the box only while it is connected", "stream", u.options.Stream, "subject", subject)
		}
		return s.conn.FlushWithContext(ctx)
	}
	consumer, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable:       "watchpost=" + u.options.Station + "=" + u.options.Box,
		Description:   "what comes down to this box",
		FilterSubject: subject,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       redeliverAfter,
		MaxAckPending: downMax,
	})
	if err != nil {
		return fmt.Errorf("make consumer of %s: %w", subject, err)
	}
	consuming, err := consumer.Consume(s.takeStored, jetstream.PullMaxMessages(downMax),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			if s.ctx.Err() == nil {
				u.options.Logger.Warn("what comes down is held up", "err", err)
			}
		}))
	if err != nil {
		return fmt.Errorf("consume %s: %w", subject, err)
	}
	s.down = consuming.Stop
	return nil
}

const (
	redeliverAfter = 10 * time.Second // of an order that was not acknowledged
	repeatAfter    = time.Second      // of an order that could not be stored
	natsDownBytes  = 64 << 10         // of one message from above, on average
)

// kind is the last token of a subject; presence says nothing that the stream
// does not say better.
func (s *session) kind(subject string) (bridge.MessageKind, bool) {
	leaf := strings.TrimPrefix(subject, s.uplink.root+"down.")
	return bridge.MessageKind(leaf), leaf != "presence"
}

func (s *session) takeStored(m jetstream.Msg) {
	s.handling.Lock()
	defer s.handling.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	kind, ours := s.kind(m.Subject())
	if ours {
		if err := s.handle.Receive(s.ctx, kind, m.Data()); err != nil {
			s.uplink.options.Logger.Warn("message from above not taken: it comes again", "kind", kind, "err", err)
			_ = m.NakWithDelay(repeatAfter) // without it, after redeliverAfter
			return
		}
	}
	if err := m.Ack(); err != nil && s.ctx.Err() == nil {
		s.uplink.options.Logger.Warn("message from above taken, not acknowledged: it comes again", "kind", kind, "err", err)
	}
}

func (s *session) takePlain(m *natsgo.Msg) {
	s.handling.Lock()
	defer s.handling.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	kind, ours := s.kind(m.Subject)
	answer := "+OK"
	if ours {
		if err := s.handle.Receive(s.ctx, kind, m.Data); err != nil {
			answer = "-ERR not taken, send it again"
			s.uplink.options.Logger.Warn("message from above not taken", "kind", kind, "err", err)
		}
	}
	if m.Reply != "" {
		_ = m.Respond([]byte(answer)) // without an answer it is sent again
	}
}

// State implements bridge.Session. contracts.md gives NATS no subject for it:
// how the box stands is in its events.
func (s *session) State(context.Context, bridge.State) error { return nil }

// Done implements bridge.Session.
func (s *session) Done() <-chan struct{} { return s.ctx.Done() }

// Err implements bridge.Session.
func (s *session) Err() error { return context.Cause(s.ctx) }

var errClosed = errors.New("closed")

// Close implements bridge.Session.
func (s *session) Close() {
	s.closed.Do(func() {
		s.cancel(errClosed)
		s.handling.Lock()
		defer s.handling.Unlock()
		if s.down != nil {
			s.down()
		}
		if s.js != nil {
			s.js.CleanupPublisher()
		}
		if s.conn != nil {
			s.conn.Close()
		}
		if s.unbind != nil {
			s.unbind()
		}
	})
}
