package wall_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Whatever browsers do, the box stops: pictures over UDP and TCP, an event
// stream, a clip that is not read, connections that are kept, and one that
// says nothing at all.
func TestStopIsBounded(t *testing.T) {
	b := newBox(t)
	b.station.set(func(s *station) { s.clip = bytes.Repeat([]byte("0123456789"), 6<<20) })
	pressed := b.press(t, "1")
	now := bridge.At(time.Now())
	clip := desk.Clip{ID: pressed.Incident + "-east-1", Part: "1", Incident: pressed.Incident, Camera: "east", From: now, To: now, SHA256: strings.Repeat("cd", 32), Bytes: 60 << 20}
	_, err := b.desk.Handle(t.Context(), desk.ClipIn{Clip: clip})
	require.NoError(t, err)
	c := b.as(t, "operator")

	for _, v := range []*viewer{newViewer(t), newViewer(t, webrtc.NetworkTypeTCP4)} {
		answer := c.raw("POST", "/api/v1/cameras/east/whep", []byte(v.pc.LocalDescription().SDP), with("Content-Type", "application/sdp"))
		sdp, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		answer.Body.Close()
		require.NoError(t, v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(sdp)}))
		require.Eventually(t, func() bool { return v.packets.Load() >= 20 }, within, 10*time.Millisecond)
	}
	stream := c.raw("GET", "/api/v1/events", nil)
	require.Equal(t, http.StatusOK, stream.StatusCode)
	defer stream.Body.Close()
	lazy := c.raw("GET", fmt.Sprintf("/api/v1/clips/%s/1.mp4", clip.ID), nil, with("Range", "bytes=5-"))
	require.Equal(t, http.StatusPartialContent, lazy.StatusCode)
	defer lazy.Body.Close() // its body is not read
	_, tcp := b.server.WebRTCPorts()
	for _, address := range []string{b.server.Addr().String(), fmt.Sprintf("127.0.0.1:%d", tcp)} {
		silent, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer silent.Close()
	}

	began := time.Now()
	require.NoError(t, b.stop())
	require.Less(t, time.Since(began), within/2, "it waits for none of them: they would have a minute")
	_, err = io.Copy(io.Discard, lazy.Body)
	require.Error(t, err, "cut, and not whole")
	require.Eventually(t, func() bool { return len(b.seen("looked")) == len(b.seen("look_opened")) }, within, 10*time.Millisecond)
	require.Len(t, b.seen("looked"), 2, "the clip, and the live picture once")
	require.Error(t, func() error {
		conn, err := net.Dial("tcp", b.server.Addr().String())
		if err == nil {
			conn.Close()
		}
		return err
	}())
}
