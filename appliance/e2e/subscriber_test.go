package e2e

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// subscriber is mosquitto_sub at one topic.
type subscriber struct{ lines chan string }

// subscribe returns once the broker has taken the subscription.
func (r *rig) subscribe(pillar, topic string) *subscriber {
	cmd := exec.Command("stdbuf", append([]string{"-oL", "mosquitto_sub"}, r.mosquitto(pillar, pillar+"-password", "sub", topic, "-d")...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	require.NoError(r.t, err)
	require.NoError(r.t, cmd.Start())
	s := &subscriber{lines: make(chan string, 100)}
	subscribed := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			switch text := lines.Text(); {
			case strings.HasPrefix(text, "Subscribed"):
				close(subscribed)
			case strings.HasPrefix(text, "{"):
				s.lines <- text
			}
		}
		_ = cmd.Wait()
	}()
	r.t.Cleanup(func() { _ = cmd.Process.Kill() })
	select {
	case <-subscribed:
	case <-time.After(patience):
		r.t.Fatalf("mosquitto_sub could not subscribe to %s", topic)
	}
	return s
}

func (s *subscriber) next(t *testing.T) []byte {
	t.Helper()
	select {
	case line := <-s.lines:
		return []byte(line)
	case <-time.After(patience):
		t.Fatalf("no message within %v", patience)
		return nil
	}
}
