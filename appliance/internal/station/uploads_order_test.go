package station

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// slowly is a receiver that takes no byte until it is let go, and keeps the
// order in which uploads are created and ended.
type slowly struct {
	mu      sync.Mutex
	began   []string
	ended   []string
	holding bool
	passed  int // overtaken ones that it has noticed
	free    chan struct{}
}

func (s *slowly) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch req.Method {
	case http.MethodPost:
		name := fileNameOf(req.Header.Get("Upload-Metadata"))
		s.mu.Lock()
		s.began = append(s.began, name)
		s.mu.Unlock()
		w.Header().Set("Location", "/files/"+name)
		w.WriteHeader(http.StatusCreated)
	case http.MethodHead:
		w.Header().Set("Upload-Offset", "0")
		w.Header().Set("Upload-Length", "8")
	case http.MethodPatch:
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		s.mu.Lock()
		free := s.free
		s.holding = free != nil
		s.mu.Unlock()
		if free != nil {
			select {
			case <-free:
			case <-req.Context().Done():
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if req.Context().Err() != nil {
			s.passed++ // it was overtaken
			return
		}
		s.ended = append(s.ended, strings.TrimPrefix(req.URL.Path, "/files/"))
		w.Header().Set("Upload-Offset", "8")
		w.WriteHeader(http.StatusNoContent)
	}
}

func fileNameOf(metadata string) string {
	for pair := range strings.SplitSeq(metadata, ",") {
		if value, is := strings.CutPrefix(pair, "filename "); is {
			name, _ := base64.StdEncoding.DecodeString(value)
			return string(name)
		}
	}
	return ""
}

func (s *slowly) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.free)
	s.free = nil
}

func (s *slowly) is(what func() bool) func() bool {
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return what()
	}
}

// What becomes due between the choice of a clip and its first byte overtakes it
// too.
func TestWhatCameBeforeTheFirstByteOvertakes(t *testing.T) {
	b := newBench(t)
	result, err := b.desk.Handle(t.Context(), desk.ReportIn{Source: "call_110", Kind: "theft", Priority: "P1", Place: "gate", By: desk.Actor{Name: "wu", Role: "lead"}})
	require.NoError(t, err)
	theft := &bench{b.Station, b.full, b.dir, result.Incident}
	theft.clip(t, theft.incident+"-gate-1")
	b.clipFiles(t, b.incident+"-gate-1")
	receiver := &slowly{free: make(chan struct{})}
	server := httptest.NewServer(receiver)
	defer server.Close()
	u := b.uploadsTo(t, server.URL)
	changed := b.desk.Changed()
	due, err := u.due(t.Context())
	require.NoError(t, err)
	b.tell(t, b.incident+"-gate-1", clip.Part1)
	lesser := due[slices.IndexFunc(due, func(c dueClip) bool { return !c.superseded })]
	ctx, stop := context.WithTimeout(t.Context(), chainWithin)
	defer stop()
	require.ErrorIs(t, u.interruptible(ctx, lesser, changed), errOvertaken)
}

// A P1's clip is on its way when a P0 comes: the seconds before the P0 overtake
// it, and what was overtaken goes on.
func TestSecondsBeforeP0GoFirst(t *testing.T) {
	b := newBench(t)
	result, err := b.desk.Handle(t.Context(), desk.ReportIn{Source: "call_110", Kind: "theft", Priority: "P1", Place: "gate", By: desk.Actor{Name: "wu", Role: "lead"}})
	require.NoError(t, err)
	theft := &bench{b.Station, b.full, b.dir, result.Incident}
	lesser, urgent := theft.incident+"-gate-1", b.incident+"-gate-1"
	theft.clip(t, lesser)
	b.clipFiles(t, urgent)

	receiver := &slowly{free: make(chan struct{})}
	server := httptest.NewServer(receiver)
	defer server.Close()
	u := b.uploadsTo(t, server.URL)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- u.run(ctx) }()
	eventually(t, receiver.is(func() bool { return receiver.holding }))
	require.Equal(t, []string{lesser + "-whole.mp4"}, receiver.began, "part 1 need not go: the whole is there")

	b.tell(t, urgent, clip.Part1)
	eventually(t, receiver.is(func() bool { return len(receiver.began) == 2 && receiver.passed == 1 }))
	b.tell(t, urgent, clip.PartWhole)
	receiver.letGo()
	eventually(t, receiver.is(func() bool { return len(receiver.ended) == 3 }))
	stop()
	require.NoError(t, <-ended)
	require.Equal(t, []string{urgent + "-1.mp4", urgent + "-whole.mp4", lesser + "-whole.mp4"}, receiver.ended)
	require.True(t, b.has(urgent, clip.PartWhole), "an upload never deletes its source")
}
