package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
)

// said is what was logged, line by line.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) holds(words string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.text.String(), words)
}

// A hangup ends no box: it says what the file would do at the next start.
func TestHangupIsAnswered(t *testing.T) {
	good, err := config.Parse([]byte("station: {id: a}\n"), t.TempDir(), config.Supported{})
	require.NoError(t, err)
	other, err := config.Parse([]byte("station: {id: b}\n"), t.TempDir(), config.Supported{})
	require.NoError(t, err)
	for words, judge := range map[string]func() (*config.Config, error){
		"is the one in force":                func() (*config.Config, error) { return good, nil },
		"in force after a restart":           func() (*config.Config, error) { return other, nil },
		"cannot be read":                     func() (*config.Config, error) { return nil, errors.New("gone") },
		"problems=2 first=\"station.id: bad": func() (*config.Config, error) { return nil, config.Problems{{Key: "station.id", Text: "bad"}, {}} },
	} {
		out := &said{}
		ctx, stop := context.WithCancel(t.Context())
		asked, ended := make(chan os.Signal, 1), make(chan struct{})
		go func() {
			defer close(ended)
			hangups(ctx, slog.New(slog.NewTextHandler(out, nil)), asked, good.Digest(), judge)
		}()
		asked <- syscall.SIGHUP
		require.Eventually(t, func() bool { return out.holds(words) }, time.Minute, time.Millisecond, words)
		stop()
		<-ended
	}
}
