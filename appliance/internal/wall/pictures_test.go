package wall_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/vision"
)

// photo is a JPEG of noise: hard to compress, so that side² bytes come near its
// size.
func photo(t *testing.T, side int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, side, side))
	noise := rand.New(rand.NewPCG(1, uint64(side)))
	for i := range img.Pix {
		img.Pix[i] = byte(noise.Uint32())
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}))
	return b.Bytes()
}

func bring(c *client, raw []byte, kind string) (int, object) {
	return c.do("POST", "/api/v1/pictures", raw, with("Content-Type", kind), with("Idempotency-Key", "k"))
}

// From an officer's telephone into his report, and from there to all who see
// the order, whatever cameras they see; to nobody else, and not before.
func TestPictureOfAReport(t *testing.T) {
	b := newBox(t)
	press := b.press(t, "e1")
	result, err := b.desk.Handle(t.Context(), desk.TaskIn{To: "officer", Note: "去", Incident: press.Incident, By: desk.Actor{Name: "operator", Role: "operator"}})
	require.NoError(t, err)
	require.NoError(t, b.users.AddLimited("north", password, access.Operator, access.Scope{Cameras: []string{"elsewhere"}}))
	require.NoError(t, b.users.Add("li", password, access.Officer))
	officer, other, operator, north := b.as(t, "officer"), b.as(t, "li"), b.as(t, "operator"), b.as(t, "north")

	raw := photo(t, 700)
	require.Greater(t, len(raw), 256<<10, "more than any other route takes")
	status, body := bring(officer, raw, "image/jpeg")
	require.Equal(t, 201, status, body)
	matches(t, "PictureAnswer", body)
	require.Equal(t, []any{700.0, 700.0}, []any{body["width"], body["height"]})
	hash := body["sha256"].(string)
	_, again := bring(officer, raw, "image/jpeg")
	require.Equal(t, hash, again["sha256"])

	look := func(c *client) int { return first(c.do("GET", "/api/v1/snapshots/"+hash+".jpg", nil)) }
	for c, want := range map[*client]int{officer: 200, other: 404, operator: 404, north: 404} {
		require.Equal(t, want, look(c), "before a report names it")
	}
	path := "/api/v1/tasks/" + result.Task
	require.Equal(t, 200, first(officer.do("POST", path+"/accept", nil)))
	require.Equal(t, 200, first(officer.do("POST", path+"/arrive", nil)))
	report := func(pictures ...string) (int, object) {
		return officer.do("POST", path+"/report", object{"report": "抓获一人", "pictures": pictures}, with("Idempotency-Key", "r"))
	}
	for _, unknown := range []string{strings.Repeat("cd", 32), "../../users.json", ""} {
		status, body = report(hash, unknown)
		require.Equal(t, []any{422, "pictures"}, []any{status, body["field"]}, unknown)
	}
	require.Equal(t, 404, look(operator), "the report does not stand")
	status, body = report(hash)
	require.Equal(t, 200, status, body)
	require.Equal(t, []any{hash}, body["task"].(object)["pictures"])
	require.Equal(t, 200, first(report(hash)), "a repeat answers as the first")
	for c, want := range map[*client]int{officer: 200, other: 404, operator: 200, north: 200, b.as(t, "wall"): 200} {
		require.Equal(t, want, look(c), "after a report named it")
	}
	kept := officer.raw("GET", "/api/v1/snapshots/"+hash+".jpg", nil).Body
	defer kept.Close()
	img, err := jpeg.Decode(kept)
	require.NoError(t, err)
	require.Equal(t, image.Pt(700, 700), img.Bounds().Size())
}

// Who may not see a camera cannot show its still to himself by naming it.
func TestStillOfAForbiddenCameraIsNotNamed(t *testing.T) {
	b := newBox(t)
	still := strings.Repeat("ab", 32)
	sighted, err := b.desk.Handle(t.Context(), desk.SightingIn{
		Sighting: vision.Sighting{ID: "s1", Phase: vision.Raised, Camera: "east", Rule: "night", Kind: "intrusion", From: time.Now(), To: time.Now()}, Snapshot: still,
	})
	require.NoError(t, err)
	require.NoError(t, b.users.AddLimited("north", password, access.Operator, access.Scope{Cameras: []string{"elsewhere"}}))
	require.NoError(t, b.users.Add("li", password, access.Officer))
	north, officer := b.as(t, "north"), b.as(t, "officer")
	for c, want := range map[*client][]any{north: {422, "pictures", 404}, officer: {200, nil, 200}, b.as(t, "operator"): {200, nil, 200}} {
		task, err := b.desk.Handle(t.Context(), desk.TaskIn{To: "officer", Note: "去", Template: "check", Incident: sighted.Incident, By: desk.Actor{Name: "operator", Role: "operator"}})
		require.NoError(t, err)
		require.Equal(t, 200, first(officer.do("POST", "/api/v1/tasks/"+task.Task+"/accept", nil)))
		require.Equal(t, 200, first(officer.do("POST", "/api/v1/tasks/"+task.Task+"/arrive", nil)))
		status, body := c.do("POST", "/api/v1/tasks/"+task.Task+"/report", object{"report": "看过", "reason": "无", "pictures": []string{still}})
		look := first(c.do("GET", "/api/v1/snapshots/"+still+".jpg", nil))
		require.Equal(t, want, []any{status, body["field"], look}, body)
	}
	require.Equal(t, 200, first(b.as(t, "operator").do("GET", "/api/v1/snapshots/"+still+".jpg", nil)))
	require.Equal(t, 404, first(b.as(t, "li").do("GET", "/api/v1/snapshots/"+still+".jpg", nil)), "another officer")
}

func TestPicturesThatAreRefused(t *testing.T) {
	b := newBox(t)
	officer, nobody, screen := b.as(t, "officer"), b.as(t, ""), b.as(t, "wall")
	raw := photo(t, 64)
	for name, one := range map[string]struct {
		raw    []byte
		kind   string
		status int
		code   string
	}{
		"another kind by its name":  {raw, "image/heic", 415, "picture_kind"},
		"another kind by its bytes": {[]byte("GIF89a......"), "image/png", 415, "picture_kind"},
		"half of one":               {raw[:len(raw)/2], "image/jpeg", 422, "picture_broken"},
		"nothing":                   {nil, "image/jpeg", 415, "picture_kind"},
		"too many bytes":            {make([]byte, 12<<20+1), "image/jpeg", 413, "picture_too_large"},
		"too many pixels":           {pixels(60_000), "image/png", 413, "picture_too_large"},
	} {
		status, body := bring(officer, one.raw, one.kind)
		require.Equal(t, []any{one.status, one.code}, []any{status, body["code"]}, name)
		require.NotEmpty(t, body["remedy"], name)
	}
	large := photo(t, 700)
	for _, raw := range [][]byte{raw, large} {
		require.Equal(t, 401, first(bring(nobody, raw, "image/jpeg")))
		require.Contains(t, []int{401, 403}, first(bring(screen, raw, "image/jpeg")))
		status, body := bring(b.as(t, "admin"), raw, "image/jpeg")
		require.Equal(t, []any{429, "pictures_waiting"}, []any{status, body["code"]})
	}
	status, body := officer.do("POST", "/api/v1/positions", large)
	require.Equal(t, []any{413, "body_too_large"}, []any{status, body["code"]}, "every other route")
	status, body = nobody.do("POST", "/api/v1/session", []byte("x"), with("Content-Encoding", "gzip"))
	require.Equal(t, []any{415, "Content-Encoding"}, []any{status, body["field"]}, "nobody knows how large it becomes")
}

// A large body that is refused unread, or read and refused, takes no room from
// the next.
func TestLargePicturesThatAreRefusedTakeNoRoom(t *testing.T) {
	b := newBox(t)
	officer, large := b.as(t, "officer"), photo(t, 700)
	for range 8 {
		status, body := officer.do("POST", "/api/v1/pictures", large, with("Content-Type", "image/jpeg"), with("Content-Encoding", "gzip"))
		require.Equal(t, []any{415, "Content-Encoding"}, []any{status, body["field"]})
	}
	require.Equal(t, 201, first(bring(officer, large, "image/jpeg")))
}

// pixels is the beginning of a PNG of so many on each side.
func pixels(side uint32) []byte {
	raw := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")
	raw = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(raw, side), side)
	raw = append(raw, 8, 0, 0, 0, 0)
	return binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw[12:]))
}

// While so many large pictures come in slowly, one more is told to wait.
func TestLargePicturesComeInAFewAtATime(t *testing.T) {
	b := newBox(t)
	officer, large := b.as(t, "officer"), photo(t, 700)
	home, err := url.Parse(b.url)
	require.NoError(t, err)
	login := officer.http.Jar.Cookies(home)[0]
	slow := func() {
		conn, err := net.Dial("tcp", b.server.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		_, err = fmt.Fprintf(conn, "POST /api/v1/pictures HTTP/1.1\r\nHost: x\r\nCookie: %s\r\nContent-Type: image/jpeg\r\nContent-Length: 1000000\r\n\r\n", login)
		require.NoError(t, err)
	}
	for range 4 {
		slow()
	}
	require.Eventually(t, func() bool {
		slow() // one of the first may have found the room taken by what is asked here
		answer := officer.raw("POST", "/api/v1/pictures", large, with("Content-Type", "image/jpeg"))
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return err == nil && answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != "" && strings.Contains(string(text), "pictures_busy")
	}, within, 20*time.Millisecond)
	require.Equal(t, 201, first(bring(officer, photo(t, 64), "image/jpeg")), "small ones go on")
}
