package uplinktest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Secret is what Receiver knows, as it stands in a secret file.
const Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwRk5gU2hTdnc="

// Receiver is a webhook's receiver: an HTTP server that checks signatures.
type Receiver struct {
	t      testing.TB
	addr   string
	server *http.Server
	hq     *HQ
}

var _ Peer = (*Receiver)(nil)

// NewReceiver chooses a port; Start does the rest.
func NewReceiver(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{t: t, addr: FreeAddr(t), hq: newHQ(t)}
	t.Cleanup(r.Kill)
	return r
}

// Addr implements Peer.
func (r *Receiver) Addr() string { return r.addr }

// HQ implements Peer.
func (r *Receiver) HQ() *HQ { return r.hq }

// Start implements Peer.
func (r *Receiver) Start() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.addr)
	require.NoError(r.t, err)
	server := &http.Server{Handler: r, ReadHeaderTimeout: patience}
	r.server = server
	go func() { _ = server.Serve(l) }()
}

// Kill implements Peer: connections break where they are.
func (r *Receiver) Kill() {
	if r.server != nil {
		_ = r.server.Close()
		r.server = nil
	}
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the box is gone
	}
	if err := CheckSignature(request.Header, body); err != nil {
		r.hq.problem(err)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var events []json.RawMessage
	if err := json.Unmarshal(body, &events); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, e := range events {
		if len(e) > RefusedBytes {
			http.Error(w, "an event is too large", http.StatusUnprocessableEntity)
			return
		}
	}
	for _, e := range events {
		r.hq.receive(bridge.Way(request.Header.Get("Watchpost-Delivery")), e)
	}
	w.WriteHeader(http.StatusNoContent)
}

// CheckSignature checks a request as Standard Webhooks' libraries do.
func CheckSignature(h http.Header, body []byte) error {
	if kind, _, _ := strings.Cut(h.Get("Content-Type"), ";"); kind != "application/cloudevents-batch+json" {
		return fmt.Errorf("content type %q", kind)
	}
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	var seconds int64
	if _, err := fmt.Sscan(stamp, &seconds); err != nil || id == "" || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return fmt.Errorf("webhook-id %q, webhook-timestamp %q", id, stamp)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(Secret, "whsec_"))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "." + string(body)))
	for _, signature := range strings.Fields(h.Get("webhook-signature")) {
		given, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signature, "v1,"))
		if err == nil && hmac.Equal(given, mac.Sum(nil)) {
			return nil
		}
	}
	return errors.New("webhook-signature does not fit")
}
