package e2e

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep/viewer"
)

// TestMasks: the left half of the gate's picture is masked, and black in all
// that leaves the box; its original leaves in one bundle only, which two leads
// decided about.
func TestMasks(t *testing.T) {
	r := newMaskedRig(t)
	stop := r.watchGate()
	r.until("the gate's pre-roll", func() bool {
		_, body := r.apiBytes("GET", "/api/v1/cameras", "")
		return r.simState().Pillars["P-002"].Connected && bytes.Contains(body, []byte(`"rendition":"masked"`))
	})
	wait(4 * time.Second) // of pictures before the press
	press := r.press("P-002", "alarm")
	var id string
	r.until("the press is answered", func() bool {
		id = r.simState().Pillars["P-002"].Acks[press].Incident
		return id != ""
	})
	whole := r.clipPart(id, "gate", "whole")
	r.black("live, as the browser gets it", "h264", stop(), 20)
	status, jpeg := r.apiBytes("GET", "/api/v1/cameras/gate/snapshot.jpg", "")
	require.Equal(t, 200, status)
	r.black("the snapshot", "jpg", jpeg, 1)
	status, clip := r.apiBytes("GET", whole.Location, "")
	require.Equal(t, 200, status)
	r.black("the clip", "mp4", clip, 30)
	r.black("the clip at headquarters", "mp4", r.uploaded(whole.SHA256), 30)

	path := "/api/v1/incidents/" + id + "/evidence.zip"
	status, bundle := r.apiBytes("GET", path+"?reason="+url.QueryEscape("检察院调取"), "")
	require.Equal(t, 200, status)
	require.NotContains(t, r.verify(bundle), "unmasked")
	files := unzip(t, bundle)
	require.NotEmpty(t, named(files, "clips/"))
	require.Empty(t, named(files, "originals/"))
	for name, content := range named(files, "clips/") {
		r.black("the bundle's "+name, "mp4", content, 10)
	}
	r.unmask(id, path)
}

// unmask plays the two leads, over a restart and a kill in the middle.
func (r *rig) unmask(id, path string) {
	t := r.t
	status, _ := r.apiBytes("GET", path+"?approval=none", "")
	require.Equal(t, 404, status, "never without an approval")
	approval := r.askUnmask(id)
	status, _ = r.apiBytes("GET", path+"?approval="+approval, "")
	require.Equal(t, 404, status, "not approved yet")
	r.killBox()
	r.startBox()
	r.login()
	r.approve(approval)
	r.cutShort(path + "?approval=" + approval)
	r.startBox()
	r.login()
	require.Equal(t, 1, r.audited("unmasked"), "the event is there, whatever came of the bundle")
	require.Equal(t, 2, r.audited("exported"))
	status, _ = r.apiBytes("GET", path+"?approval="+approval, "")
	require.Equal(t, 404, status, "it was taken")
	require.Empty(t, leftOver(t, r.path("data")), "and nothing else is there")

	approval = r.askUnmask(id)
	r.approve(approval)
	status, bundle := r.apiBytes("GET", path+"?approval="+approval, "")
	require.Equal(t, 200, status, "%.300s", bundle)
	require.Contains(t, r.verify(bundle), "asked for by wang, approved by zhou")
	files := unzip(t, bundle)
	var manifest struct {
		Unmasked struct{ By, Second, Reason, Event string } `json:"unmasked"`
	}
	require.NoError(t, json.Unmarshal(files["manifest.json"], &manifest))
	require.Equal(t, []string{"wang", "zhou", "认人"}, []string{manifest.Unmasked.By, manifest.Unmasked.Second, manifest.Unmasked.Reason})
	require.Contains(t, string(files["journal/events.jsonl"]), manifest.Unmasked.Event)
	for name, content := range named(files, "clips/") {
		r.black("the masked "+name, "mp4", content, 10)
	}
	originals := named(files, "originals/")
	require.NotEmpty(t, originals)
	for name, content := range originals {
		_, masked, open := r.halves("mp4", content)
		require.Greater(t, masked, byte(90), "%s has what is masked", name)
		require.Greater(t, open, byte(90))
	}
	require.Equal(t, 2, r.audited("unmasked"))
}

// newMaskedRig is a rig whose gate has a mask, with two leads.
func newMaskedRig(t *testing.T) *rig {
	beside(t)
	r := bareRig(t)
	r.writeSecrets()
	r.startSim()
	gate := "    position: {lat: 28.6906,"
	config := r.boxConfig(0, 0, 0, 0, 0) + untouched
	require.Contains(t, config, gate)
	r.write("box.yaml", strings.Replace(config, gate, "    masks: [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]\n    pre_roll: 5s\n    post_roll: 3s\n"+gate, 1))
	for _, name := range []string{user, "zhou"} {
		r.addUser(name, "lead")
	}
	r.startBox()
	r.control("POST", "/pillar/P-002/broker", fmt.Sprintf(`{"url":"mqtt://%s"}`, r.boxAt.MQTT), nil)
	r.login()
	return r
}

func (r *rig) askUnmask(incident string) string {
	var asked struct {
		Approval struct{ ID string } `json:"approval"`
	}
	body := fmt.Sprintf(`{"act":"unmask","subject":"incidents/%s","reason":"认人"}`, incident)
	require.Equal(r.t, 201, r.api("POST", "/api/v1/approvals", body, &asked))
	return asked.Approval.ID
}

// approve is the other lead, at the same desk.
func (r *rig) approve(approval string) {
	status, said := r.apiBytes("POST", "/api/v1/approvals/"+approval+"/approve", fmt.Sprintf(`{"name":"zhou","password":%q}`, password))
	require.Equal(r.t, 200, status, "%s", said)
}

func (r *rig) audited(kind string) int {
	var page struct {
		Items []struct{ Kind string } `json:"items"`
	}
	require.Equal(r.t, 200, r.api("GET", "/api/v1/audit?kind="+kind, "", &page))
	return len(page.Items)
}

// cutShort kills the box when the first bytes of an answer have come, through
// a window so small that it cannot have sent the rest.
func (r *rig) cutShort(path string) {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		if err != nil {
			return err
		}
		return set
	}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest("GET", r.url(path), nil)
	require.NoError(r.t, err)
	req.AddCookie(r.cookie)
	res, err := (&http.Client{Transport: transport, Timeout: patience}).Do(req)
	require.NoError(r.t, err)
	defer res.Body.Close()
	require.Equal(r.t, 200, res.StatusCode)
	_, err = io.ReadFull(res.Body, make([]byte, 1024))
	require.NoError(r.t, err)
	r.killBox()
	_, err = io.Copy(io.Discard, res.Body)
	require.Error(r.t, err, "it never looks whole")
}

// leftOver are bundles, whole or in part, below the data directory.
func leftOver(t *testing.T, dir string) (found []string) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (strings.HasSuffix(path, ".zip") || strings.Contains(path, "evidence")) {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// verify is `watchpost verify` over a bundle, with the box's public key.
func (r *rig) verify(bundle []byte) string {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "bundle.zip")
	require.NoError(r.t, os.WriteFile(path, bundle, 0o600))
	out, err := exec.Command(r.bin("watchpost"), "verify", "-key", r.path("data/box-key.public.pem"), path).CombinedOutput()
	require.NoError(r.t, err, string(out))
	return string(out)
}

func unzip(t *testing.T, bundle []byte) map[string][]byte {
	archive, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, f := range archive.File {
		body, err := f.Open()
		require.NoError(t, err)
		files[f.Name], err = io.ReadAll(body)
		require.NoError(t, err)
		require.NoError(t, body.Close())
	}
	return files
}

func named(files map[string][]byte, prefix string) map[string][]byte {
	found := map[string][]byte{}
	for name, content := range files {
		if strings.HasPrefix(name, prefix) {
			found[name] = content
		}
	}
	return found
}

// uploaded is the file at headquarters with that hash.
func (r *rig) uploaded(sum string) []byte {
	sum = strings.TrimPrefix(sum, "sha256:")
	var content []byte
	r.until("the clip at headquarters", func() bool {
		for _, c := range r.hqClips() {
			if c.OK && strings.TrimPrefix(c.SHA256, "sha256:") == sum {
				content = fileOf(r.t, r.path("sim"), sum)
				return content != nil
			}
		}
		return false
	})
	return content
}

func fileOf(t *testing.T, dir, sum string) (content []byte) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || content != nil {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if got := sha256.Sum256(raw); hex.EncodeToString(got[:]) == sum {
			content = raw
		}
		return nil
	}))
	return content
}

// halves decodes a file's pictures and gives how many there are, the greatest
// luma of the left half, and the least of what the right half has at most.
func (r *rig) halves(ext string, content []byte) (pictures int, left, right byte) {
	const w, h = 64, 36 // whatever size they have
	path := filepath.Join(r.t.TempDir(), "pictures."+ext)
	require.NoError(r.t, os.WriteFile(path, content, 0o600))
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-i", path, "-vf", fmt.Sprintf("scale=%d:%d:flags=area", w, h), "-f", "rawvideo", "-pix_fmt", "gray", "-")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	raw, err := cmd.Output()
	require.NoError(r.t, err, errs.String())
	right = 255
	for ; len(raw) >= w*h; raw = raw[w*h:] {
		pictures++
		most := byte(0)
		for i, v := range raw[:w*h] {
			switch x := i % w; {
			case x < w/2-1:
				left = max(left, v)
			case x > w/2+1:
				most = max(most, v)
			}
		}
		right = min(right, most)
	}
	return pictures, left, right
}

func (r *rig) black(what, ext string, content []byte, least int) {
	r.t.Helper()
	pictures, left, right := r.halves(ext, content)
	require.GreaterOrEqual(r.t, pictures, least, what)
	require.LessOrEqual(r.t, left, byte(30), "%s: the mask is black", what)
	require.Greater(r.t, right, byte(90), "%s: the rest is there", what)
	r.t.Logf("%s: %d pictures, mask ≤ %d, beside it up to %d", what, pictures, left, right)
}

// watchGate is a viewer over WHEP; what it returns ends it and gives the H.264
// that came as RTP.
func (r *rig) watchGate() func() []byte {
	v, err := viewer.Open()
	require.NoError(r.t, err)
	var answer string
	r.until("the gate is live", func() bool {
		status, sdp := r.offer(v.Offer())
		answer = string(sdp)
		return status == http.StatusCreated
	})
	require.NoError(r.t, v.Answer(answer))
	return func() []byte {
		require.NoError(r.t, v.Close())
		return v.Stream()
	}
}

func (r *rig) offer(sdp string) (int, []byte) {
	req, err := http.NewRequest("POST", r.url("/api/v1/cameras/gate/whep"), strings.NewReader(sdp))
	require.NoError(r.t, err)
	req.AddCookie(r.cookie)
	req.Header.Set("Content-Type", "application/sdp")
	res, err := r.client.Do(req)
	require.NoError(r.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	return res.StatusCode, body
}
