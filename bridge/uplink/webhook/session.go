package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/watchpost-edge/watchpost/bridge"
)

// session stands while the receiver answers.
type session struct {
	uplink    *Uplink
	secrets   [][]byte
	transport *http.Transport
	client    *http.Client

	lanes, now, replay sync.Mutex // one request of a way at a time: order

	ctx    context.Context
	cancel context.CancelCauseFunc
	worker sync.WaitGroup

	mu   sync.Mutex
	used time.Time // last answer
}

var _ bridge.Session = (*session)(nil)

// confirmed is the ticket of a batch that was answered within Send.
type confirmed struct{}

func (confirmed) Wait(context.Context) error { return nil }

// Send implements bridge.Session. It returns after the answer, so its ticket
// needs no wait.
func (s *session) Send(ctx context.Context, b bridge.Batch) (bridge.Ticket, error) {
	way := &s.lanes
	switch b.Way {
	case bridge.WayNow:
		way = &s.now
	case bridge.WayReplay:
		way = &s.replay
	}
	way.Lock()
	defer way.Unlock()
	bodies, from := batches(b.Events)
	for i, body := range bodies {
		to := len(b.Events)
		if i+1 < len(from) {
			to = from[i+1]
		}
		err := s.post(ctx, b.Way, b.Lane, messageID(b, b.Events[from[i]:to]), body)
		var refused *bridge.EventError
		if errors.As(err, &refused) {
			return nil, refused
		}
		if err != nil {
			err = fmt.Errorf("post to %s: %w", s.uplink.host, err)
			if ctx.Err() == nil {
				s.cancel(err)
			}
			return nil, err
		}
	}
	return confirmed{}, nil
}

// ask sends an empty batch. A receiver that calls it malformed is there.
func (s *session) ask(ctx context.Context) error {
	id := "pulse/" + strconv.FormatInt(time.Now().UnixNano(), 36)
	err := s.post(ctx, bridge.WayLane, "", id, []byte("[]"))
	var refused *bridge.EventError
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

// pulse asks whenever the receiver was not heard for a while.
func (s *session) pulse() {
	s.worker.Go(func() {
		every := s.uplink.options.PulseEvery
		timer := time.NewTimer(every)
		defer timer.Stop()
		for {
			select {
			case <-s.ctx.Done():
				return
			case <-timer.C:
			}
			s.mu.Lock()
			quiet := time.Since(s.used)
			s.mu.Unlock()
			if quiet < every {
				timer.Reset(every - quiet)
				continue
			}
			if err := s.ask(s.ctx); err != nil {
				s.cancel(fmt.Errorf("ask %s: %w", s.uplink.host, err))
				return
			}
			timer.Reset(every)
		}
	})
}

// post is one request and what its answer means.
func (s *session) post(ctx context.Context, way bridge.Way, lane bridge.Lane, id string, body []byte) error {
	limit := s.uplink.options.AnswerWithin
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	stop := context.AfterFunc(s.ctx, cancel)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.uplink.options.URL, bytes.NewReader(body))
	if err != nil {
		return withoutURL(err)
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/cloudevents-batch+json; charset=utf-8")
	request.Header.Set("User-Agent", "watchpost")
	request.Header.Set("webhook-id", id)
	request.Header.Set("webhook-timestamp", timestamp)
	request.Header.Set("webhook-signature", sign(s.secrets, id, timestamp, body))
	request.Header.Set("Watchpost-Delivery", string(way))
	if lane != "" {
		// An event of another lane may stand in this one: journal.retired does.
		request.Header.Set("Watchpost-Lane", string(lane))
	}
	response, err := s.client.Do(request)
	if err != nil {
		switch {
		case s.ctx.Err() != nil:
			return context.Cause(s.ctx)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		return withoutURL(err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, answerMax)) // a reason at best: the status has decided
	s.mu.Lock()
	s.used = time.Now()
	s.mu.Unlock()
	return s.judge(response, answer)
}

// judge sorts an answer as contracts.md, "Failing", does.
func (s *session) judge(response *http.Response, answer []byte) error {
	reason := response.Status
	if text := printable(answer); text != "" {
		reason += ": " + text
	}
	code := response.StatusCode
	switch {
	case code/100 == 2:
		return nil
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return &bridge.EventError{Reason: reason}
	case code/100 == 3:
		where := "elsewhere"
		if to, err := response.Location(); err == nil {
			where = "to " + to.Scheme + "://" + to.Host
		}
		return fmt.Errorf("%s: it redirects %s, which is not followed; configure the final address", response.Status, where)
	}
	if until, asked := retryAfter(response.Header.Get("Retry-After"), time.Now()); asked {
		s.uplink.restUntil(until)
	}
	return errors.New(reason)
}

// retryAfter reads the header (RFC 9110, 10.2.3): seconds or a date.
func retryAfter(text string, now time.Time) (until time.Time, asked bool) {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		until = now.Add(time.Duration(seconds) * time.Second)
	} else if until, err = http.ParseTime(text); err != nil {
		return time.Time{}, false
	}
	if longest := now.Add(retryAfterMax); until.After(longest) {
		until = longest
	}
	return until, until.After(now)
}

// withoutURL takes the address out of a client's error: its path or query may
// be a secret.
func withoutURL(err error) error {
	var with *url.Error
	if errors.As(err, &with) {
		return with.Err
	}
	return err
}

const reasonMax = 200 // runes of an answer that go into logs and events

func printable(b []byte) string {
	text := strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(string(b), " "))), " ")
	if runes := []rune(text); len(runes) > reasonMax {
		return string(runes[:reasonMax]) + "…"
	}
	return text
}

// State implements bridge.Session. A webhook carries events only: how the box
// stands is in its own events.
func (s *session) State(context.Context, bridge.State) error { return nil }

// Done implements bridge.Session.
func (s *session) Done() <-chan struct{} { return s.ctx.Done() }

// Err implements bridge.Session.
func (s *session) Err() error { return context.Cause(s.ctx) }

var errClosed = errors.New("closed")

// Close implements bridge.Session.
func (s *session) Close() {
	s.cancel(errClosed)
	s.worker.Wait()
	s.transport.CloseIdleConnections()
}
