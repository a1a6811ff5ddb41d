package evidence

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Verify checks a bundle against the public key of the box; with a nil key
// against the key that the bundle brings along, which proves less. What is
// wrong with the bundle is in the report. An error is one of reading or ctx.
func Verify(ctx context.Context, r io.ReaderAt, size int64, key ed25519.PublicKey) (*Report, error) {
	watched := &watchedReader{ctx: ctx, r: r}
	v := &verifier{bundle: watched, size: size, report: &Report{KeyGiven: key != nil}, buf: make([]byte, copyBytes)}
	v.run(key)
	if watched.err != nil {
		return nil, fmt.Errorf("verify evidence: %w", watched.err)
	}
	return v.report, nil
}

// watchedReader tells an error of the disk, or the end of ctx, from a fault of
// the bundle.
type watchedReader struct {
	ctx context.Context
	r   io.ReaderAt
	err error
}

func (w *watchedReader) ReadAt(p []byte, at int64) (int, error) {
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		return 0, w.err
	}
	if at < 0 { // a zip may say so
		return 0, errors.New("place before the bundle's start")
	}
	n, err := w.r.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

type verifier struct {
	bundle io.ReaderAt
	size   int64
	zip    *archive
	report *Report
	buf    []byte
	clips  map[string]announced // by id and part, from the journal
	freed  bool                 // the journal has the event that the manifest names for its originals
}

func (v *verifier) wrong(file, format string, args ...any) {
	v.report.add(Problem{File: file, Text: fmt.Sprintf(format, args...)})
}

func (v *verifier) run(key ed25519.PublicKey) {
	var wrong []string
	v.zip, wrong = openArchive(v.bundle, v.size)
	for _, text := range wrong {
		v.wrong("", "%s", text)
	}
	if v.zip == nil {
		return
	}
	raw, ok := v.small(manifestName, manifestBytesMax)
	if !ok {
		return
	}
	v.signature(raw, key)
	m, err := decodeManifest(raw)
	if err != nil {
		v.wrong(manifestName, "nothing can be checked against it: %s", plain(err.Error()))
		return
	}
	v.report.Manifest = m
	if m.Key.ID != v.report.KeyID && v.report.KeyID != "" {
		v.wrong(manifestName, "it names another key than the one that it is checked with")
	}
	v.journal()
	v.files()
	v.report.AsWritten = v.report.Good() && v.asWritten(m)
}

// small reads a file that is held in memory.
func (v *verifier) small(name string, limit int64) ([]byte, bool) {
	f := v.zip.files[name]
	if f == nil {
		v.wrong(name, "it is missing")
		return nil, false
	}
	if f.UncompressedSize64 > uint64(limit) {
		v.wrong(name, "it has %d bytes, more than %d: it is not read", f.UncompressedSize64, limit)
		return nil, false
	}
	var b bytes.Buffer
	if err := v.read(f, &b); err != nil {
		v.wrong(name, "%s", plain(err.Error()))
	}
	return b.Bytes(), true
}

// read copies a file of the zip, as far as it goes.
func (v *verifier) read(f *zip.File, to io.Writer) error {
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	defer r.Close()
	_, err = io.CopyBuffer(to, struct{ io.Reader }{io.LimitReader(r, int64(f.UncompressedSize64)+1)}, v.buf)
	if err != nil {
		return fmt.Errorf("the zip's own checksum says that it was changed: %w", err)
	}
	return nil
}

// signature checks the manifest with the key given, or else the one inside.
func (v *verifier) signature(manifest []byte, given ed25519.PublicKey) {
	var inside ed25519.PublicKey
	text, ok := v.small(keyName, smallBytesMax)
	if ok {
		var err error
		if inside, err = ParsePublicKey(text); err != nil || !bytes.Equal(text, publicPEM(inside)) {
			v.wrong(keyName, "it is not a public key as bundles have it")
		}
	}
	key := given
	if key == nil {
		key = inside
	}
	sig, ok := v.small(sigName, smallBytesMax)
	if key == nil || !ok {
		return
	}
	v.report.KeyID, v.report.Fingerprint = KeyID(key), Fingerprint(key)
	other := given != nil && inside != nil && !given.Equal(inside)
	if other {
		v.wrong(keyName, "the bundle brings the key %s, you gave the key %s", Fingerprint(inside), Fingerprint(given))
	}
	switch {
	case len(sig) == ed25519.SignatureSize && ed25519.Verify(key, manifest, sig):
		v.report.Signed = true
	case other && len(sig) == ed25519.SignatureSize && ed25519.Verify(inside, manifest, sig):
		v.wrong(sigName, "the manifest was signed with the key that the bundle brings, not with the one you gave: it is from another box, or somebody signed it anew")
	default:
		v.wrong(sigName, "the signature does not fit the manifest: one of the two was changed, and what the manifest says is not proven")
	}
}

// files checks every file that the manifest lists, and that there is no other.
func (v *verifier) files() {
	m := v.report.Manifest
	clips := make(map[string]*ClipEntry, len(m.Clips))
	for i := range m.Clips {
		clips[m.Clips[i].Path] = &m.Clips[i]
	}
	listed := map[string]bool{manifestName: true, sigName: true, keyName: true}
	for i := range m.Files {
		e := &m.Files[i]
		listed[e.Path] = true
		f := v.zip.files[e.Path]
		if f == nil {
			v.wrong(e.Path, "it is missing")
			continue
		}
		v.file(f, e, clips[e.Path])
		v.report.Files++
	}
	for _, name := range v.zip.order {
		if !listed[name] {
			v.wrong(name, "it was added: the manifest does not list it")
		}
	}
}

func (v *verifier) file(f *zip.File, e *Entry, c *ClipEntry) {
	sum := sha256.New()
	to := []io.Writer{sum}
	var groups, seconds *rangeHasher
	if c != nil {
		groups, seconds = newRangeHasher(coarse(c.Ranges)), newRangeHasher(leaves(c.Ranges))
		to = append(to, groups, seconds)
	}
	if f.UncompressedSize64 != uint64(e.Bytes) {
		v.wrong(e.Path, "it has %d bytes and had %d", f.UncompressedSize64, e.Bytes)
	}
	readErr := v.read(f, io.MultiWriter(to...))
	got := hex.EncodeToString(sum.Sum(nil))
	named := false
	if c != nil {
		changed := seconds.changed()
		if len(changed) == 0 {
			changed = groups.changed()
		}
		named = len(changed) > 0
		v.stretches(c, changed)
		v.announcedAs(c, e)
	}
	switch {
	case got != e.SHA256 && !named:
		v.wrong(e.Path, "it was changed")
	case got == e.SHA256 && readErr != nil:
		v.wrong(e.Path, "it is whole, but the zip's record of it is not: %s", plain(readErr.Error()))
	}
	if e.Recorded != "" && e.Recorded != e.SHA256 {
		v.wrong(e.Path, "it is not the file that the journal recorded: it was changed before it was exported")
	}
}

// stretches names what of a clip was changed; neighbouring pictures become one.
func (v *verifier) stretches(c *ClipEntry, changed []Piece) {
	for i := 0; i < len(changed); {
		p := changed[i]
		for i++; i < len(changed) && changed[i].Offset == p.Offset+p.Bytes && c.in(p).Kind == kindGOP && c.in(changed[i]).Kind == kindGOP; i++ {
			p.Bytes += changed[i].Bytes
			p.FromMS, p.ToMS = min(p.FromMS, changed[i].FromMS), max(p.ToMS, changed[i].ToMS)
		}
		v.report.add(c.problem(p))
	}
}

// in is the range that a piece begins in; ranges cover the file.
func (c *ClipEntry) in(p Piece) *Range {
	i, exact := slices.BinarySearchFunc(c.Ranges, p.Offset, func(r Range, at int64) int { return cmp.Compare(r.Offset, at) })
	if !exact {
		i--
	}
	return &c.Ranges[i]
}

func (c *ClipEntry) problem(p Piece) Problem {
	where := fmt.Sprintf("bytes %d to %d", p.Offset, p.Offset+p.Bytes-1)
	problem := Problem{File: c.Path}
	switch in := c.in(p); in.Kind {
	case kindFile:
		problem.Text = "it was changed; where is not known, since it could not be read as a clip when it was exported"
	case kindHead:
		problem.Text = "its head was changed (" + where + "): the pictures are checked on their own, but their times and their order hang on it"
	case kindRest:
		problem.Text = "what follows its last picture was changed (" + where + ")"
	default:
		problem.Timed, problem.From, problem.To = true, time.Duration(p.FromMS)*time.Millisecond, time.Duration(p.ToMS)*time.Millisecond
		problem.Text = fmt.Sprintf("changed from second %s to second %s (%s, group of pictures %d", seconds(p.FromMS), seconds(p.ToMS), where, in.GOP)
		if p.FromMS == p.ToMS {
			problem.Text = fmt.Sprintf("changed in pictures that are decoded but not shown, next to second %s (%s, group of pictures %d", seconds(p.FromMS), where, in.GOP)
		}
		if !c.From.IsZero() {
			problem.Text += ", on the box's clock " + bridge.At(c.From.Add(problem.From)).String()
		}
		problem.Text += ")"
	}
	return problem
}

func seconds(ms int64) string { return fmt.Sprintf("%d.%03d", ms/1000, ms%1000) }

// announcedAs compares a clip with what the journal told when it was made.
func (v *verifier) announcedAs(c *ClipEntry, e *Entry) {
	a, ok := v.clips[c.Clip+"/"+c.Part]
	want := a.sha256
	if c.Original {
		want = a.original
	}
	switch {
	case !ok || want == e.SHA256:
	case c.Masked && a.original == e.SHA256:
		v.wrong(e.Path, "it is called masked and is the unmasked original of clip %s part %s", plain(c.Clip), plain(c.Part))
	default:
		v.wrong(e.Path, "it is not the file that the journal announced as clip %s part %s: it was changed before it was exported", plain(c.Clip), plain(c.Part))
	}
}

// journal checks the events one by one, with the chain beside them.
func (v *verifier) journal() {
	v.clips = map[string]announced{}
	events, chain := v.zip.files[eventsName], v.zip.files[chainName]
	if events == nil || chain == nil {
		return // the manifest lists them: they are reported as missing
	}
	er, err := events.Open()
	if err != nil {
		return // files says so
	}
	defer er.Close()
	cr, err := chain.Open()
	if err != nil {
		return
	}
	defer cr.Close()
	check := &eventCheck{v: v, order: newOrder(), heads: map[laneRun]Head{}}
	for _, h := range v.report.Manifest.Journal.Heads {
		if len(check.heads) < laneRunsMax {
			check.heads[laneRun{h.Epoch, h.Lane}] = h
		}
	}
	check.run(newLines(er), newLines(cr))
	v.report.Events, v.report.Withheld = check.n, check.withheld
	v.report.Lanes, v.report.Gaps = len(check.order.at), check.order.gaps
	if u := v.report.Manifest.Unmasked; u != nil && !v.freed {
		v.wrong(manifestName, "it names event %s as what let the unmasked originals go, and the journal in the bundle has no such event", plain(u.Event))
	}
	if m := v.report.Manifest.Journal; m.Events != check.n || m.Withheld != check.withheld {
		v.wrong(eventsName, "it holds %d events, %d of them without data; the manifest says %d and %d", check.n, check.withheld, m.Events, m.Withheld)
	}
}

// plain is text of a stranger, fit for a terminal.
func plain(s string) string {
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfffd || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff {
			return '?'
		}
		return r
	}, s)
}
