package evidence

import (
	"archive/zip"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

//go:embed howto.txt
var howto string

// Write streams a bundle of the case to w, signed with an Ed25519 key; a
// *Signer is one. Memory does not grow with the length of clips. After an
// error w holds a zip that is cut off, which Verify refuses: whoever sends it
// over a network should break the connection.
func Write(ctx context.Context, w io.Writer, c Case, key crypto.Signer) error {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return fmt.Errorf("write evidence of %s: key is a %T; want Ed25519", c.Incident, key.Public())
	}
	if c.Incident == "" || c.By == "" || c.Made.IsZero() || c.Events == nil {
		return errors.New("write evidence: incident, who exports, when, and its events must be given")
	}
	b := &writer{ctx: ctx, zip: zip.NewWriter(w), c: &c, buf: make([]byte, copyBytes)}
	b.m = Manifest{
		Format: Format, Incident: c.Incident, Station: c.Station, Box: c.Box, Version: c.Version,
		Made: c.Made, By: c.By, Reason: c.Reason, Drill: c.Drill,
		Key: KeyName{Algorithm: "Ed25519", ID: KeyID(public)}, Missing: append([]Missing{}, c.Missing...), Clips: []ClipEntry{}, Unmasked: c.Unmasked,
	}
	for _, step := range []func() error{b.texts, b.journal, b.files, b.clips, b.sums} {
		if err := step(); err != nil {
			return fmt.Errorf("write evidence of %s: %w", c.Incident, err)
		}
	}
	if err := b.seal(key, public); err != nil {
		return fmt.Errorf("write evidence of %s: %w", c.Incident, err)
	}
	return nil
}

type writer struct {
	ctx    context.Context
	zip    *zip.Writer
	c      *Case
	m      Manifest
	leaves int
	total  int64
	buf    []byte
}

// create begins a file. Files are stored, not compressed: a changed byte then
// stays one changed byte, and can be named.
func (b *writer) create(name string) (io.Writer, error) {
	f, err := b.zip.CreateHeader(zipHeader(name, b.c.Made))
	if err != nil {
		return nil, fmt.Errorf("add %s: %w", name, err)
	}
	return f, nil
}

func zipHeader(name string, made bridge.Stamp) *zip.FileHeader {
	return &zip.FileHeader{Name: name, Method: zip.Store, Modified: made.UTC()}
}

// put adds a file from a reader and lists it; also gets the bytes as well.
func (b *writer) put(e Entry, from io.Reader, also ...io.Writer) error {
	return b.add(e, func(w io.Writer) error {
		_, err := io.CopyBuffer(io.MultiWriter(append(also, w)...), struct{ io.Reader }{reader{b.ctx, from}}, b.buf)
		return err
	})
}

func (b *writer) add(e Entry, write func(io.Writer) error) error {
	if len(b.m.Files) >= filesMax {
		return fmt.Errorf("add %s: a bundle takes %d files", e.Path, filesMax)
	}
	f, err := b.create(e.Path)
	if err != nil {
		return err
	}
	n, sum := &counter{}, sha256.New()
	if err := write(io.MultiWriter(f, sum, n)); err != nil {
		return fmt.Errorf("add %s: %w", e.Path, err)
	}
	if b.total += n.n; n.n > fileBytesMax || b.total > bundleBytesMax {
		return fmt.Errorf("add %s: %d bytes, %d with those before, are too many", e.Path, n.n, b.total)
	}
	e.Bytes, e.SHA256 = n.n, hex.EncodeToString(sum.Sum(nil))
	b.m.Files = append(b.m.Files, e)
	return nil
}

func (b *writer) texts() error {
	if err := b.put(Entry{Path: howtoName}, strings.NewReader(howto)); err != nil {
		return err
	}
	for _, doc := range []struct {
		name string
		list any
	}{
		{receiptsName, struct {
			Receipts []Receipt `json:"receipts"`
		}{append([]Receipt{}, b.c.Receipts...)}},
		{clocksName, struct {
			Clocks []Clock `json:"clocks"`
		}{append([]Clock{}, b.c.Clocks...)}},
		{custodyName, struct {
			Custody []Custody `json:"custody"`
		}{append([]Custody{}, b.c.Custody...)}},
	} {
		if err := b.add(Entry{Path: doc.name}, func(w io.Writer) error { return indented(w, doc.list) }); err != nil {
			return err
		}
	}
	return nil
}

func indented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(v)
}

// files adds stills and attachments under names that carry their number, so
// that no two are the same.
func (b *writer) files() error {
	for _, group := range []struct {
		folder string
		list   []File
	}{{"snapshots", b.c.Snapshots}, {"attachments", b.c.Attachments}} {
		for i, f := range group.list {
			at := f.At
			e := Entry{Path: fmt.Sprintf("%s/%03d-%s", group.folder, i+1, safe(f.Name)), Name: f.Name, Camera: f.Camera, At: &at, Recorded: strings.ToLower(f.SHA256)}
			if at.IsZero() {
				e.At = nil
			}
			if e.Recorded != "" && !isHash(e.Recorded) {
				return fmt.Errorf("add %s: recorded hash %q: want 64 hex digits", f.Name, f.SHA256)
			}
			body, err := b.open(f.Open, Missing{What: f.Name, SHA256: e.Recorded})
			if err != nil {
				return err
			}
			if body == nil {
				continue
			}
			if err := errors.Join(b.put(e, body), body.Close()); err != nil {
				return err
			}
		}
	}
	return nil
}

// open gives nil when the file is not kept any more, and says so.
func (b *writer) open(open Opener, m Missing) (io.ReadSeekCloser, error) {
	body, err := open(b.ctx)
	if errors.Is(err, fs.ErrNotExist) {
		m.Why = "not kept any more"
		b.m.Missing = append(b.m.Missing, m)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", m.What, err)
	}
	return body, nil
}

func (b *writer) clips() error {
	for i := range b.c.Clips {
		c := &b.c.Clips[i]
		folder, what := "clips", "clip "
		if c.Original {
			folder, what = "originals", "original of clip "
		}
		body, err := b.open(c.Open, Missing{What: what + c.ID + " part " + c.Part})
		if err != nil {
			return err
		}
		if body == nil {
			continue
		}
		name := path.Join(folder, fmt.Sprintf("%03d-%s-%s.mp4", i+1, safe(c.ID), safe(c.Part)))
		if err := errors.Join(b.clip(name, c, body), body.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (b *writer) clip(name string, c *Clip, body io.ReadSeeker) error {
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("measure %s: %w", name, err)
	}
	e := ClipEntry{
		Path: name, Clip: c.ID, Part: c.Part, Camera: c.Camera, From: c.From, To: c.To, WantedFrom: c.WantedFrom,
		Gaps: append([]Gap{}, c.Gaps...), OffsetMS: c.OffsetMS, UncertaintyMS: c.UncertaintyMS, Masked: c.Masked, Original: c.Original, OriginalSHA256: c.OriginalSHA256,
	}
	e.Ranges, err = indexMovie(body, size)
	if err == nil {
		err = b.fit(e.Ranges)
	}
	if err != nil { // it is evidence all the same
		e.Unindexed = err.Error()
		e.Ranges = nil
		if size > 0 {
			e.Ranges = []Range{{Kind: kindFile, Piece: Piece{Bytes: size}}}
		}
	}
	b.leaves += len(leaves(e.Ranges))
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind %s: %w", name, err)
	}
	groups, seconds := newRangeHasher(coarse(e.Ranges)), newRangeHasher(leaves(e.Ranges))
	if err := b.put(Entry{Path: name, Camera: c.Camera}, io.LimitReader(body, size+1), groups, seconds); err != nil {
		return err
	}
	if n := b.m.Files[len(b.m.Files)-1].Bytes; n != size {
		return fmt.Errorf("add %s: it had %d bytes and then %d", name, size, n)
	}
	fill(e.Ranges, groups.sums, seconds.sums)
	b.m.Clips = append(b.m.Clips, e)
	return nil
}

// fit keeps the manifest within its limit: without seconds if it must be.
func (b *writer) fit(ranges []Range) error {
	if b.leaves+len(leaves(ranges)) <= leavesMax {
		return nil
	}
	for i := range ranges {
		ranges[i].Seconds = nil
	}
	if b.leaves+len(ranges) > leavesMax {
		return fmt.Errorf("a bundle names %d stretches of clips at most", leavesMax)
	}
	return nil
}

func fill(ranges []Range, groups, seconds []string) {
	at := 0
	for i := range ranges {
		ranges[i].SHA256 = groups[i]
		if len(ranges[i].Seconds) == 0 {
			at++
		}
		for k := range ranges[i].Seconds {
			ranges[i].Seconds[k].SHA256 = seconds[at]
			at++
		}
	}
}

// sums lists all files so far as sha256sum reads it.
func (b *writer) sums() error {
	list := b.m.Files
	return b.add(Entry{Path: sumsName}, func(w io.Writer) error {
		for _, f := range list {
			if _, err := fmt.Fprintf(w, "%s  %s\n", f.SHA256, f.Path); err != nil {
				return err
			}
		}
		return nil
	})
}

// seal ends the bundle with the manifest, its signature and the public key.
func (b *writer) seal(key crypto.Signer, public ed25519.PublicKey) error {
	var manifest strings.Builder
	if err := indented(&manifest, &b.m); err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if manifest.Len() > manifestBytesMax {
		return fmt.Errorf("the manifest has %d bytes, more than %d: export fewer clips at a time", manifest.Len(), manifestBytesMax)
	}
	if _, err := decodeManifest([]byte(manifest.String())); err != nil {
		return fmt.Errorf("nobody could check it: %w", err)
	}
	sig, err := key.Sign(nil, []byte(manifest.String()), crypto.Hash(0))
	if err != nil {
		return fmt.Errorf("sign manifest: %w", err)
	}
	for _, f := range []struct{ name, text string }{{manifestName, manifest.String()}, {sigName, string(sig)}, {keyName, string(publicPEM(public))}} {
		w, err := b.create(f.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, f.text); err != nil {
			return fmt.Errorf("add %s: %w", f.name, err)
		}
	}
	return b.zip.Close()
}

// journal adds the events and, from a second look at them, their chain.
func (b *writer) journal() error {
	b.m.Journal.Heads = append([]Head{}, b.c.Heads...)
	order := newOrder()
	err := b.add(Entry{Path: eventsName}, func(w io.Writer) error {
		return b.events(func(e *bridge.Event) error {
			// A broken chain is for Verify to say: it is evidence too.
			if _, _, err := order.next(linkOf(e)); err != nil {
				return err
			}
			b.m.Journal.Events++
			if len(e.Data) == 0 {
				b.m.Journal.Withheld++
			}
			line, err := e.Encode()
			if err != nil {
				return err
			}
			if len(line) > bridge.EventMaxBytes {
				return fmt.Errorf("event %s has %d bytes, more than %d", e.ID, len(line), bridge.EventMaxBytes)
			}
			_, err = w.Write(append(line, '\n'))
			return err
		})
	})
	if err != nil {
		return err
	}
	links := 0
	err = b.add(Entry{Path: chainName}, func(w io.Writer) error {
		return b.events(func(e *bridge.Event) error {
			links++
			line, err := json.Marshal(linkOf(e))
			if err != nil {
				return err
			}
			_, err = w.Write(append(line, '\n'))
			return err
		})
	})
	if err == nil && links != b.m.Journal.Events {
		err = fmt.Errorf("the journal gave %d events and then %d", b.m.Journal.Events, links)
	}
	return err
}

func (b *writer) events(each func(*bridge.Event) error) error {
	n := 0
	for e, err := range b.c.Events {
		if err == nil {
			err = b.ctx.Err()
		}
		if err != nil {
			return err
		}
		if n++; n > eventsMax {
			return fmt.Errorf("a bundle takes %d events", eventsMax)
		}
		if err := each(&e); err != nil {
			return err
		}
	}
	return nil
}

// reader ends when its context does.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
