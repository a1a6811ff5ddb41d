package evidence_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

const clipName = "clips/001-01MINCIDENT-______-1-whole.mp4"

func TestBundleIsGoodAndAlwaysTheSame(t *testing.T) {
	b := bundle(t, caseOf(t))
	require.Equal(t, b, bundle(t, caseOf(t)))
	r := verify(t, b, public)
	require.Empty(t, r.Problems)
	require.True(t, r.Good())
	require.Equal(t, 6, r.Events)
	require.Equal(t, 1, r.Withheld)
	require.Equal(t, 3, r.Lanes)
	require.Equal(t, 0, r.Gaps)
	require.Equal(t, "01MINCIDENT", r.Manifest.Incident)
	require.Equal(t, []evidence.Missing{{What: "clip 01MINCIDENT-yard-1 part whole", Why: "not kept any more"}}, r.Manifest.Missing)
	require.Len(t, r.Manifest.Clips[0].Ranges, 1+3)

	var text strings.Builder
	require.NoError(t, r.Print(&text, "case.zip"))
	require.Contains(t, text.String(), "case.zip: unchanged since it was signed")
	require.Contains(t, text.String(), signer.Fingerprint())
	require.Contains(t, text.String(), "not in the bundle: clip 01MINCIDENT-yard-1")
	require.NotContains(t, text.String(), "who signed")
}

func TestWithoutAKeyItSaysWhatIsNotProven(t *testing.T) {
	r := verify(t, bundle(t, caseOf(t)), nil)
	require.True(t, r.Good())
	var text strings.Builder
	require.NoError(t, r.Print(&text, "case.zip"))
	require.Contains(t, text.String(), "It does not tell who signed it")
	require.Contains(t, text.String(), signer.Fingerprint())
}

// The commands of README.md and HOW-TO-CHECK.txt, but for unzip.
func TestByHand(t *testing.T) {
	b, dir := bundle(t, caseOf(t)), t.TempDir()
	for _, f := range unpack(t, b) {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, f.body, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "box-key.public.pem"), signer.PublicPEM(), 0o600))
	shell := func(command string) string {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", command, out)
		return string(out)
	}
	m := verify(t, b, public).Manifest
	require.Contains(t, shell("openssl pkeyutl -verify -pubin -inkey box-key.public.pem -rawin -in manifest.json -sigfile manifest.sig"), "Signature Verified Successfully")
	require.Contains(t, shell("openssl pkey -pubin -in box-key.public.pem -outform DER | sha256sum"), m.Key.ID)
	require.Contains(t, shell("sha256sum SHA256SUMS"), m.Files[len(m.Files)-1].SHA256)
	require.Equal(t, len(m.Files)-1, strings.Count(shell("sha256sum -c SHA256SUMS"), ": OK\n"))
	for _, p := range m.Clips[0].Ranges[2].Seconds {
		require.Contains(t, shell("tail -c +"+strconv.FormatInt(p.Offset+1, 10)+" "+clipName+" | head -c "+strconv.FormatInt(p.Bytes, 10)+" | sha256sum"), p.SHA256)
	}
}

// ffprobe is the second opinion on which byte is shown when.
func TestRangesAreWhatFFprobeSees(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clip.mp4")
	require.NoError(t, os.WriteFile(path, footage(t), 0o600))
	out, err := exec.Command("ffprobe", "-v", "error", "-threads", "1", "-show_packets", "-of", "json", path).Output()
	require.NoError(t, err)
	var probe struct {
		Packets []struct {
			PTS   string `json:"pts_time"`
			Pos   string `json:"pos"`
			Size  string `json:"size"`
			Flags string `json:"flags"`
		} `json:"packets"`
	}
	require.NoError(t, json.Unmarshal(out, &probe))
	require.Len(t, probe.Packets, 60)
	b := bundle(t, caseOf(t))
	at := offsetOf(t, b, clipName)
	gop := 0
	for i, p := range probe.Packets {
		if strings.HasPrefix(p.Flags, "K") {
			gop++
		}
		pts, err := time.ParseDuration(p.PTS + "s")
		require.NoError(t, err)
		pos, err := strconv.ParseInt(p.Pos, 10, 64)
		require.NoError(t, err)
		size, err := strconv.ParseInt(p.Size, 10, 64)
		require.NoError(t, err)
		if i%3 != 0 && size > 100 { // a sample of them, and the small ones
			continue
		}
		flipped := bytes.Clone(b)
		flipped[at+pos+size/2] ^= 1
		r := verify(t, flipped, public)
		problem := only(t, r, clipName)
		require.True(t, problem.Timed)
		require.LessOrEqual(t, problem.From, pts, "packet %d", i)
		require.Greater(t, problem.To, pts, "packet %d", i)
		require.LessOrEqual(t, problem.To-problem.From, 1300*time.Millisecond, "packet %d: a second, and what B-pictures add", i)
		require.Contains(t, problem.Text, "group of pictures "+strconv.Itoa(gop)+",")
		require.Contains(t, problem.Text, bridge.At(start.Add(problem.From)).String())
	}
	require.Equal(t, 3, gop)
}

func TestChangedHeadAndNeighbours(t *testing.T) {
	b := bundle(t, caseOf(t))
	at, ranges := offsetOf(t, b, clipName), verify(t, b, public).Manifest.Clips[0].Ranges
	b[at+100] ^= 1
	problem := only(t, verify(t, b, public), clipName)
	require.Contains(t, problem.Text, "its head was changed")
	b[at+100] ^= 1
	last := ranges[1].Seconds[len(ranges[1].Seconds)-1]
	b[at+last.Offset] ^= 1
	b[at+ranges[2].Offset] ^= 1
	problem = only(t, verify(t, b, public), clipName)
	require.Equal(t, time.Duration(last.FromMS)*time.Millisecond, problem.From)
	require.Equal(t, time.Duration(ranges[2].Seconds[0].ToMS)*time.Millisecond, problem.To)
}

func TestClipsThatAreNotOrdinaryAreEvidenceToo(t *testing.T) {
	tail, err := film() // its tables come last
	require.NoError(t, err)
	fragments, err := film("-movflags", "+frag_keyframe+empty_moov")
	require.NoError(t, err)
	for name, clip := range map[string]struct {
		bytes     []byte
		unindexed string
	}{
		"tables last": {tail, ""}, "fragmented": {fragments, "fragmented"}, "garbage": {[]byte("no film at all"), "box at 0"},
		"cut off": {footage(t)[:9000], "of 9000"}, "empty": {nil, "no moov"},
	} {
		c := caseOf(t)
		c.Events = (&chained{}).seq()
		c.Heads = nil
		c.Clips = []evidence.Clip{{ID: "x", Part: "whole", Open: holds(clip.bytes)}}
		r := verify(t, bundle(t, c), public)
		require.Empty(t, r.Problems, name)
		if clip.unindexed == "" {
			require.Empty(t, r.Manifest.Clips[0].Unindexed, name)
			require.Equal(t, "rest", r.Manifest.Clips[0].Ranges[4].Kind, name)
		} else {
			require.Contains(t, r.Manifest.Clips[0].Unindexed, clip.unindexed, name)
		}
	}
}

func TestFileThatIsNotWhatTheJournalRecorded(t *testing.T) {
	c := caseOf(t)
	c.Events = journalOf([]byte("another")).seq()
	c.Heads = nil
	c.Snapshots[0].Open = holds([]byte("another"))
	r := verify(t, bundle(t, c), public)
	require.True(t, r.Signed)
	require.Len(t, r.Problems, 2)
	require.Contains(t, r.Problems[0].Text, "not the file that the journal recorded")
	require.Contains(t, r.Problems[1].Text, "not the file that the journal announced")
}

func TestChainBrokenInTheJournalItself(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*chained)
		want   string
	}{
		"an event changed and hashed anew": {func(j *chained) { j.list[1].Severity = "P3" }, "number 00000000000000000003) does not follow number 2"},
		"data changed":                     {func(j *chained) { j.list[1].Data = json.RawMessage(`{"schema":2}`) }, "its data does not fit its data hash"},
		"data without salt":                {func(j *chained) { j.list[1].DataSalt = "" }, "data without its salt"},
		"beyond the lane's end":            {func(j *chained) { j.add(bridge.Alarm, "x", 1) }, "does not fit the end of its lane"},
		"a first that is none":             {func(j *chained) { j.list[3].PrevHash = "sha256:1" }, "is the first of its lane"},
	} {
		j, kase := journalOf(footage(t)), caseOf(t)
		c.change(j)
		kase.Events = j.seq()
		r := verify(t, bundle(t, kase), public)
		require.NotEmpty(t, r.Problems, name)
		require.Contains(t, r.Problems[0].Text, c.want, name)
	}
	j, kase := journalOf(footage(t)), caseOf(t)
	j.list = append(j.list[:1:1], j.list[3:]...)
	kase.Events = j.seq()
	r := verify(t, bundle(t, kase), public)
	require.True(t, r.Good(), "others may lie between")
	require.Equal(t, 1, r.Gaps)
}

func TestWriteRefuses(t *testing.T) {
	backwards := journalOf(nil)
	backwards.list[0], backwards.list[1] = backwards.list[1], backwards.list[0]
	broken := errors.New("disk gone")
	for name, c := range map[string]struct {
		change func(*evidence.Case)
		want   string
	}{
		"no incident":      {func(c *evidence.Case) { c.Incident = "" }, "must be given"},
		"events backwards": {func(c *evidence.Case) { c.Events = backwards.seq() }, "comes after number 2"},
		"journal broken": {func(c *evidence.Case) {
			c.Events = func(yield func(bridge.Event, error) bool) { yield(bridge.Event{}, broken) }
		}, "disk gone"},
		"disk broken": {func(c *evidence.Case) {
			c.Clips[0].Open = func(context.Context) (io.ReadSeekCloser, error) { return nil, broken }
		}, "disk gone"},
		"a file that shrinks": {func(c *evidence.Case) { c.Clips[0].Open = lying(footage(t), +5) }, "and then"},
		"a file that grows":   {func(c *evidence.Case) { c.Clips[0].Open = lying(footage(t), -5) }, "and then"},
		"a hash that is none": {func(c *evidence.Case) { c.Snapshots[0].SHA256 = "x" }, "64 hex digits"},
		"an event too large": {func(c *evidence.Case) {
			c.Events = (&chained{}).add(bridge.Local, "x", strings.Repeat("x", 64<<10)).seq()
		}, "bytes, more than"},
		"a journal that grows": {func(c *evidence.Case) { c.Events = growing() }, "and then 1"},
	} {
		kase := caseOf(t)
		c.change(&kase)
		var b bytes.Buffer
		err := evidence.Write(t.Context(), &b, kase, signer)
		require.ErrorContains(t, err, c.want, name)
		r := verify(t, b.Bytes(), public)
		require.False(t, r.Good(), "%s: what was written is no bundle", name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, evidence.Write(ctx, io.Discard, caseOf(t), signer), context.Canceled)
	b := bundle(t, caseOf(t))
	_, err := evidence.Verify(ctx, bytes.NewReader(b), int64(len(b)), nil)
	require.ErrorIs(t, err, context.Canceled)
}

func growing() func(func(bridge.Event, error) bool) {
	n := 0
	return func(yield func(bridge.Event, error) bool) {
		if n++; n == 2 {
			yield((&chained{}).add(bridge.Local, "x", 1).list[0], nil)
		}
	}
}

// lying tells of a size that is wrong.
func lying(b []byte, by int64) evidence.Opener {
	return func(context.Context) (io.ReadSeekCloser, error) { return &liar{memory{bytes.NewReader(b)}, by}, nil }
}

type liar struct {
	memory
	by int64
}

func (l *liar) Seek(at int64, whence int) (int64, error) {
	n, err := l.memory.Seek(at, whence)
	if whence == io.SeekEnd {
		n += l.by
	}
	return n, err
}

// A clip of 64 MiB that is read as it is written and verified.
func TestMemoryDoesNotGrowWithClips(t *testing.T) {
	c := caseOf(t)
	c.Clips = []evidence.Clip{{ID: "long", Part: "whole", Open: func(context.Context) (io.ReadSeekCloser, error) { return &zeros{size: 64 << 20}, nil }}}
	path := filepath.Join(t.TempDir(), "long.zip")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.NoError(t, evidence.Write(t.Context(), f, c, signer))
	info, err := f.Stat()
	require.NoError(t, err)
	r, err := evidence.Verify(t.Context(), f, info.Size(), public)
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	require.True(t, r.Good(), r.Problems)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20))
}

type zeros struct{ at, size int64 }

func (z *zeros) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.size-z.at)
	if n <= 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	z.at += n
	return int(n), nil
}

func (z *zeros) Seek(at int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		at += z.at
	case io.SeekEnd:
		at += z.size
	}
	z.at = at
	return at, nil
}

func (z *zeros) Close() error { return nil }
