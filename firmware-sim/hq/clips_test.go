package hq_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func request(t *testing.T, method, url string, body io.Reader, header map[string]string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	req.Header.Set("Tus-Resumable", "1.0.0")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		t.Cleanup(func() { _ = res.Body.Close() })
	}
	return res, err
}

func create(t *testing.T, url string, size int, sum string, leave ...string) *http.Response {
	t.Helper()
	var meta []string
	for k, v := range map[string]string{
		"id": "I1-gate-1", "part": "1", "incident": "I1", "camera": "gate", "from": "2026-01-02T03:04:05.000Z", "to": "2026-01-02T03:04:35.000Z", "sha256": sum,
	} {
		if len(leave) == 0 || leave[0] != k {
			meta = append(meta, k+" "+base64.StdEncoding.EncodeToString([]byte(v)))
		}
	}
	res, err := request(t, http.MethodPost, url, nil, map[string]string{"Upload-Length": strconv.Itoa(size), "Upload-Metadata": strings.Join(meta, ",")})
	require.NoError(t, err)
	return res
}

func patch(t *testing.T, url string, offset int, body io.Reader) (*http.Response, error) {
	t.Helper()
	return request(t, http.MethodPatch, url, body, map[string]string{"Upload-Offset": strconv.Itoa(offset), "Content-Type": "application/offset+octet-stream"})
}

type clipEntry struct {
	ID, Part, Incident, Camera, From, To, SHA256, Received, Path string
	Bytes                                                        int64
	OK                                                           bool
}

func (r *running) clipList(t *testing.T) (out []clipEntry) {
	t.Helper()
	raw, err := r.Clips()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &out))
	return out
}

func TestClipUploadResumesAfterAKill(t *testing.T) {
	r := start(t)
	film := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	sum := sha256.Sum256(film)
	hexSum := hex.EncodeToString(sum[:])
	res := create(t, r.State().TUS, len(film), "sha256:"+hexSum)
	require.Equal(t, http.StatusCreated, res.StatusCode)
	location := res.Header.Get("Location")
	require.True(t, strings.HasPrefix(location, r.State().TUS), location)

	half := len(film) / 2
	pr, pw := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := patch(t, location, 0, pr)
		ended <- err
	}()
	_, err := pw.Write(film[:half])
	require.NoError(t, err)
	r.off(t, errKilled) // in the middle of the request
	_ = pw.CloseWithError(io.ErrUnexpectedEOF)
	require.Error(t, <-ended)
	_, err = request(t, http.MethodHead, location, nil, nil)
	require.ErrorContains(t, err, "refused")

	r.on(t)
	res, err = request(t, http.MethodHead, location, nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	offset, err := strconv.Atoi(res.Header.Get("Upload-Offset"))
	require.NoError(t, err)
	require.LessOrEqual(t, offset, half)
	require.Empty(t, r.clipList(t))

	res, err = patch(t, location, offset+1, bytes.NewReader(film[offset+1:]))
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, res.StatusCode)
	res, err = patch(t, location, offset, bytes.NewReader(film[offset:]))
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, res.StatusCode)

	got := r.clipList(t)
	require.Len(t, got, 1)
	require.Equal(t, clipEntry{
		ID: "I1-gate-1", Part: "1", Incident: "I1", Camera: "gate", From: "2026-01-02T03:04:05.000Z", To: "2026-01-02T03:04:35.000Z",
		SHA256: hexSum, Bytes: int64(len(film)), OK: true, Received: got[0].Received, Path: got[0].Path,
	}, got[0])
	kept, err := os.ReadFile(got[0].Path)
	require.NoError(t, err)
	require.Equal(t, film, kept)
	r.off(t, nil)
	require.Len(t, r.clipList(t), 1)
}

func TestClipWithAnotherHashIsRefused(t *testing.T) {
	r := start(t)
	film := []byte("not what was announced")
	res := create(t, r.State().TUS, len(film), strings.Repeat("0", 64))
	require.Equal(t, http.StatusCreated, res.StatusCode)
	location := res.Header.Get("Location")
	res, err := patch(t, location, 0, bytes.NewReader(film))
	require.NoError(t, err)
	require.Equal(t, 460, res.StatusCode)
	got := r.clipList(t)
	require.Len(t, got, 1)
	require.False(t, got[0].OK)
	res, err = request(t, http.MethodHead, location, nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, res.StatusCode)

	res = create(t, r.State().TUS, len(film), strings.Repeat("0", 64), "incident")
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "missing metadata: incident")
}
