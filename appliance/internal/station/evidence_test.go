package station

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
	"github.com/watchpost-edge/watchpost/ingest"
)

// files gives the command room a disk with one clip of both parts.
func (c *command) files(t *testing.T, id string) {
	var err error
	c.cfg.Data.Dir = t.TempDir()
	c.store = media.New(media.Options{Dir: c.cfg.Data.Dir, MinFree: -1})
	require.NoError(t, c.store.Open())
	folder, err := media.Folder(id)
	require.NoError(t, err)
	folder = c.store.Path(media.Clips, folder)
	require.NoError(t, os.MkdirAll(folder, 0o700))
	put := func(name string, v any) {
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), raw, 0o600))
	}
	now, both := time.Now().UTC(), map[string]bool{clip.Part1: true, clip.PartWhole: true}
	put("clip.json", map[string]any{
		"id": id, "incident": c.press.Incident, "camera": "gate", "n": 1, "at": now, "from": now, "to": now,
		"alerts": []string{"a"}, "sealed": both, "told": both,
	})
	for _, part := range []string{clip.Part1, clip.PartWhole} {
		pictures := []byte("pictures of part " + part)
		sum := sha256.Sum256(pictures)
		require.NoError(t, os.WriteFile(filepath.Join(folder, part+".mp4"), pictures, 0o600))
		put(part+".json", clip.Ready{ID: id, Part: part, Incident: c.press.Incident, Camera: "gate", Bytes: int64(len(pictures))})
		_, err := c.desk.Handle(t.Context(), desk.ClipIn{Clip: desk.Clip{
			ID: id, Part: part, Incident: c.press.Incident, Camera: "gate", SHA256: hex.EncodeToString(sum[:]), From: bridge.At(now), To: bridge.At(now), OffsetMS: -120,
		}})
		require.NoError(t, err)
	}
	c.cutter = clip.New(clip.Options{Store: c.store})
	require.NoError(t, c.cutter.Open())
	c.signer, err = evidence.OpenSigner(c.cfg.Data.Dir)
	require.NoError(t, err)
}

// What a running box exports is whole by the box's public key alone: events
// with their chain, clips, receipts, clocks, and who looked.
func TestExportIsWhole(t *testing.T) {
	c := newCommand(t, time.Minute, func(*above) {})
	id := c.press.Incident + "-gate-1"
	c.files(t, id)
	tell := func(in desk.Input) desk.Result {
		result, err := c.desk.Handle(t.Context(), in)
		require.NoError(t, err)
		return result
	}
	tell(desk.ClipEvictedIn{Clip: id, Part: clip.Part1, Why: "superseded"})
	other := tell(desk.PressIn{Press: ingest.Press{Pillar: "P-1", ID: "e2", Kind: ingest.PressTest}})
	require.NotEqual(t, c.press.Incident, other.Incident)
	wu := desk.Actor{Name: "wu", Role: "lead"}
	began := time.Now()
	tell(desk.AccessIn{Kind: "login", By: desk.Actor{Name: "somebody-else"}, From: began})
	tell(desk.AccessIn{Kind: "look_opened", By: wu, Camera: "gate", From: began, Why: "clip " + id + "/whole"})
	tell(desk.AccessIn{Kind: "looked", By: wu, Camera: "gate", From: began, To: time.Now(), Why: "clip " + id + "/whole"})
	tell(desk.AccessIn{Kind: "unmasked", By: wu, Camera: "gate", From: began, Why: "asked by wu, approved by li: unmask clips/" + id + "/whole: 认人 (at the court's order) (01JA)"})
	tell(desk.AccessIn{Kind: "unmasked", By: wu, Camera: "shop", From: began, Why: "asked by wu, approved by li: unmask clips/01JOTHER-shop-1/whole: elsewhere (01JB)"})
	tell(desk.AccessIn{Kind: "looked", By: wu, Camera: "gate", From: began, To: time.Now(), Why: "original of clip " + id + "/whole"})
	tell(desk.ActionIn{Incident: c.press.Incident, Verb: "claim", By: wu})
	c.hq.say(c.press.Events[1].Event.ID, `"accepted","by":"zhou"`)
	tell(desk.AccessIn{Kind: "exported", By: wu, From: time.Now(), Why: evidenceOf(c.press.Incident) + "for the court"})
	eventually(t, func() bool { return c.forwarder.Status()[0].Lag[bridge.Alarm] == 0 })

	var bundle bytes.Buffer
	require.NoError(t, c.Export(t.Context(), wall.Bundle{Incident: c.press.Incident, By: "wu", Reason: "for the court"}, &bundle))
	public, ok := c.signer.Public().(ed25519.PublicKey)
	require.True(t, ok)
	report, err := evidence.Verify(context.Background(), bytes.NewReader(bundle.Bytes()), int64(bundle.Len()), public)
	require.NoError(t, err)
	require.Empty(t, report.Problems)
	require.True(t, report.Good())
	require.Equal(t, "for the court", report.Manifest.Reason)
	require.Len(t, report.Manifest.Clips, 1)
	require.Contains(t, report.Manifest.Missing, evidence.Missing{What: "clip " + id + " part 1", Why: "superseded", SHA256: report.Manifest.Missing[0].SHA256})
	require.Positive(t, report.Withheld, "the drill between")

	text := bundle.String() // files are stored, not packed
	require.Contains(t, text, `"by": "zhou"`)
	require.Contains(t, text, `"offset_ms": -120`)
	require.Contains(t, text, `"reason": "for the court"`)
	require.Equal(t, 1, strings.Count(text, `"of": "gate clip `+id+`/whole"`), "a look is one line")
	require.Contains(t, text, `"of": "gate original of clips/`+id+`/whole",
   "reason": "认人 (at the court's order)",
   "second": "li"`)
	require.Contains(t, text, `"of": "gate original of clip `+id+`/whole"`)
	require.NotContains(t, text, "somebody-else")
	require.NotContains(t, text, "elsewhere", "another incident's")

	changed := bytes.Replace(bundle.Bytes(), []byte("zhou"), []byte("zhov"), 1)
	report, err = evidence.Verify(context.Background(), bytes.NewReader(changed), int64(len(changed)), public)
	require.NoError(t, err)
	require.False(t, report.Good())

	var unknown *desk.NotFoundError
	require.ErrorAs(t, c.Export(t.Context(), wall.Bundle{Incident: "none", By: "wu", Reason: "x"}, &bundle), &unknown)
}

// What was merged into an incident is in its bundle: the clip with the events
// that prove it, its beginning, and who looked at it.
func TestExportHoldsWhatWasMerged(t *testing.T) {
	c := newCommand(t, time.Minute, func(*above) {})
	tell := func(in desk.Input) desk.Result {
		result, err := c.desk.Handle(t.Context(), in)
		require.NoError(t, err)
		return result
	}
	wu := desk.Actor{Name: "wu", Role: "lead"}
	kept := tell(desk.ReportIn{Source: "walk_in", Kind: "theft", Place: "步行街", By: wu}).Incident
	other := c.press.Incident // began before
	id := other + "-gate-1"
	c.files(t, id)
	tell(desk.AccessIn{Kind: "exported", By: wu, From: time.Now(), Why: evidenceOf(other) + "taken away before"})
	tell(desk.AccessIn{Kind: "looked", By: wu, From: time.Now(), To: time.Now(), Why: "clip " + id + "/whole"})
	tell(desk.ActionIn{Incident: kept, Verb: "merge", Other: other, Reason: "the same", By: wu})

	var bundle bytes.Buffer
	require.NoError(t, c.Export(t.Context(), wall.Bundle{Incident: kept, By: "wu", Reason: "for the court"}, &bundle))
	text := bundle.String()
	require.Contains(t, text, "clips/"+id, "the event that says what the clip's bytes are")
	require.Contains(t, text, c.press.Events[0].Event.ID, "the press")
	require.Contains(t, text, `"of": "incidents/`+other+`"`)
	require.Contains(t, text, `"of": "clip `+id+`/whole"`)
}

// What two leads decided about is what was there: an incident that is merged
// into it afterwards brings no original along.
func TestWhatJoinsLaterIsNotUnmasked(t *testing.T) {
	c := newCommand(t, time.Minute, func(*above) {})
	tell := func(in desk.Input) desk.Result {
		result, err := c.desk.Handle(t.Context(), in)
		require.NoError(t, err)
		return result
	}
	wu := desk.Actor{Name: "wu", Role: "lead"}
	kept, other := tell(desk.ReportIn{Source: "walk_in", Kind: "theft", Place: "步行街", By: wu}).Incident, c.press.Incident
	c.files(t, other+"-gate-1")
	id := other + "-gate-2"
	tell(desk.ClipIn{Clip: desk.Clip{
		ID: id, Part: clip.PartWhole, Incident: other, Camera: "gate", Masked: true, SHA256: strings.Repeat("ab", 32), Original: strings.Repeat("cd", 32),
	}})
	why := func(asked time.Time) string {
		var bundle bytes.Buffer
		told := c.press.Events[0].Event
		require.NoError(t, c.Export(t.Context(), wall.Bundle{
			Incident: kept, By: "wu", Reason: "x", Unmasked: &desk.Approval{ID: "A", By: "wu", Second: "li", At: bridge.At(asked)}, Told: &told,
		}, &bundle))
		report, err := evidence.Verify(context.Background(), bytes.NewReader(bundle.Bytes()), int64(bundle.Len()), c.signer.Public().(ed25519.PublicKey))
		require.NoError(t, err)
		for _, one := range report.Manifest.Missing {
			if strings.HasPrefix(one.What, "original of clip "+id) || strings.Contains(one.What, id) && strings.Contains(one.What, "original") {
				return one.Why
			}
		}
		return ""
	}
	before := time.Now()
	tell(desk.ActionIn{Incident: kept, Verb: "merge", Other: other, Reason: "the same", By: wu})
	require.Contains(t, why(before), "merged into this one after")
	require.NotContains(t, why(time.Now().Add(time.Second)), "merged into this one after")
}
