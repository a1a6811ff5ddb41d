package evidence

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Manifest is manifest.json: what was exported, by whom, and the hash of
// every byte of it. Hashes are SHA-256 in hex, as sha256sum writes them.
type Manifest struct {
	Format   string       `json:"format"`
	Incident string       `json:"incident"`
	Station  string       `json:"station"`
	Box      string       `json:"box"`
	Version  string       `json:"version"`
	Made     bridge.Stamp `json:"made"`
	By       string       `json:"by"`
	Reason   string       `json:"reason"`
	Drill    bool         `json:"drill"`
	Key      KeyName      `json:"key"`
	Files    []Entry      `json:"files"` // in the order of the zip
	Journal  Journal      `json:"journal"`
	Missing  []Missing    `json:"missing"`
	Clips    []ClipEntry  `json:"clips"`
	Unmasked *Unmasking   `json:"unmasked,omitempty"` // who let originals go along
}

// KeyName says which key signed. ID is the SHA-256 of the public key as DER.
type KeyName struct {
	Algorithm string `json:"algorithm"` // Ed25519
	ID        string `json:"id"`
}

// Entry is one file of the bundle.
type Entry struct {
	Path   string        `json:"path"`
	Bytes  int64         `json:"bytes"`
	SHA256 string        `json:"sha256"`
	Name   string        `json:"name,omitempty"` // as it was called, where the path cannot say it
	Camera string        `json:"camera,omitempty"`
	At     *bridge.Stamp `json:"at,omitempty"`
	// Recorded is what the journal says of a still or a picture.
	Recorded string `json:"recorded_sha256,omitempty"`
}

// Journal says what of the journal is in the bundle.
type Journal struct {
	Events   int    `json:"events"`
	Withheld int    `json:"withheld"` // of these without data: links of the chain
	Heads    []Head `json:"heads"`
}

// ClipEntry is what the manifest knows of a clip. Its ranges lie one after the
// other and cover the whole file.
type ClipEntry struct {
	Path           string       `json:"path"`
	Clip           string       `json:"clip"`
	Part           string       `json:"part"`
	Camera         string       `json:"camera"`
	From           bridge.Stamp `json:"from"`
	To             bridge.Stamp `json:"to"`
	WantedFrom     bridge.Stamp `json:"wanted_from"`
	Gaps           []Gap        `json:"gaps"`
	OffsetMS       float64      `json:"offset_ms"`
	UncertaintyMS  float64      `json:"uncertainty_ms"`
	Masked         bool         `json:"masked"`
	Original       bool         `json:"original,omitempty"` // as recorded, before masks
	OriginalSHA256 string       `json:"original_sha256,omitempty"`
	Unindexed      string       `json:"unindexed,omitempty"` // why there are no groups
	Ranges         []Range      `json:"ranges"`
}

// Kinds of ranges.
const (
	kindHead = "head" // the file's tables
	kindGOP  = "gop"  // a key picture and all up to the next
	kindRest = "rest" // what follows the last picture
	kindFile = "file" // a file that could not be read as a clip
)

// Range is a stretch of a clip. Seconds divide a group of pictures that is
// longer than one second.
type Range struct {
	Kind string `json:"kind"`
	GOP  int    `json:"gop,omitempty"` // from 1
	Piece
	Seconds []Piece `json:"seconds,omitempty"`
}

// Piece is bytes of a clip and when they are shown, in milliseconds from the
// clip's start; from equals to when they are not shown but decoded.
type Piece struct {
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
	FromMS int64  `json:"from_ms"`
	ToMS   int64  `json:"to_ms"`
	SHA256 string `json:"sha256"`
}

// leaves are the finest stretches of a clip.
func leaves(ranges []Range) []Piece {
	var out []Piece
	for i := range ranges {
		if len(ranges[i].Seconds) > 0 {
			out = append(out, ranges[i].Seconds...)
		} else {
			out = append(out, ranges[i].Piece)
		}
	}
	return out
}

func coarse(ranges []Range) []Piece {
	out := make([]Piece, len(ranges))
	for i := range ranges {
		out[i] = ranges[i].Piece
	}
	return out
}

// decodeManifest reads a manifest and refuses one that contradicts itself.
func decodeManifest(b []byte) (*Manifest, error) {
	if err := checkShape(b); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("read manifest: format %q; this program knows %s", m.Format, Format)
	}
	if len(m.Files) > filesMax {
		return nil, fmt.Errorf("read manifest: %d files, more than %d", len(m.Files), filesMax)
	}
	sizes := make(map[string]int64, len(m.Files))
	var total int64
	for _, f := range m.Files {
		if err := checkEntry(f); err != nil {
			return nil, err
		}
		if _, twice := sizes[f.Path]; twice {
			return nil, fmt.Errorf("read manifest: %q is listed twice", f.Path)
		}
		sizes[f.Path] = f.Bytes
		if total += f.Bytes; total > bundleBytesMax {
			return nil, fmt.Errorf("read manifest: the files are more than %d bytes", int64(bundleBytesMax))
		}
	}
	seen := map[string]bool{}
	for i := range m.Clips {
		c := &m.Clips[i]
		size, ok := sizes[c.Path]
		if !ok || seen[c.Path] {
			return nil, fmt.Errorf("read manifest: clip %q is not one of its files", c.Path)
		}
		seen[c.Path] = true
		if c.Original && (m.Unmasked == nil || c.Masked) {
			return nil, fmt.Errorf("read manifest: clip %q is an unmasked original, and nobody is named who let it go", c.Path)
		}
		if err := checkRanges(c.Ranges, size); err != nil {
			return nil, fmt.Errorf("read manifest: clip %q: %w", c.Path, err)
		}
	}
	return &m, nil
}

func checkEntry(f Entry) error {
	if err := checkPath(f.Path); err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	if f.Path == manifestName || f.Path == sigName || f.Path == keyName {
		return fmt.Errorf("read manifest: it lists %s", f.Path)
	}
	if f.Bytes < 0 || f.Bytes > fileBytesMax {
		return fmt.Errorf("read manifest: %q has %d bytes", f.Path, f.Bytes)
	}
	if !isHash(f.SHA256) || f.Recorded != "" && !isHash(f.Recorded) {
		return fmt.Errorf("read manifest: hash of %q: want 64 hex digits", f.Path)
	}
	return nil
}

func checkRanges(ranges []Range, size int64) error {
	if err := checkPieces(coarse(ranges), 0, size); err != nil {
		return err
	}
	for i := range ranges {
		r := &ranges[i]
		if len(r.Seconds) == 0 {
			continue
		}
		if err := checkPieces(r.Seconds, r.Offset, r.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// checkPieces wants pieces that lie one after the other and fill size bytes.
func checkPieces(pieces []Piece, at, size int64) error {
	end := at + size
	for _, p := range pieces {
		if p.Offset != at || p.Bytes <= 0 || p.Bytes > end-at {
			return fmt.Errorf("range at byte %d does not follow the one before", p.Offset)
		}
		if p.FromMS < 0 || p.ToMS < p.FromMS {
			return fmt.Errorf("range at byte %d ends before it begins", p.Offset)
		}
		if !isHash(p.SHA256) {
			return fmt.Errorf("range at byte %d: hash: want 64 hex digits", p.Offset)
		}
		at += p.Bytes
	}
	if at != end {
		return fmt.Errorf("ranges end at byte %d of %d", at, end)
	}
	return nil
}

func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && strings.ToLower(s) == s
}

// checkPath takes the names that Write gives: short, relative, and the same
// on every file system.
func checkPath(p string) error {
	if p == "" || len(p) > pathMax {
		return fmt.Errorf("name %.60q: want 1 to %d characters", p, pathMax)
	}
	for step := range strings.SplitSeq(p, "/") {
		if step != safe(step) {
			return fmt.Errorf("name %q is not one that this program gives", p)
		}
	}
	return nil
}

const (
	pathMax = 200
	stepMax = 120
)

// safe makes a step of a path out of any name.
func safe(name string) string {
	b := []byte(name)
	if len(b) > stepMax {
		b = b[len(b)-stepMax:] // the end tells files apart, and keeps the extension
	}
	for i, c := range b {
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && i > 0
		if !plain {
			b[i] = '_'
		}
	}
	for i := len(b) - 1; i >= 0 && b[i] == '.'; i-- {
		b[i] = '_' // some file systems drop it
	}
	if len(b) == 0 {
		return "_"
	}
	return string(b)
}
