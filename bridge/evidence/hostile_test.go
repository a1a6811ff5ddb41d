package evidence_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

// found: verify says that something was done to the bundle. A zip that was
// packed anew holds the same evidence, and is not the box's own any more.
func found(r *evidence.Report) bool { return !r.Good() || !r.AsWritten }

// Issue 3, over the whole bundle: every byte of the zip's own records, and a
// seeded sample of all files'. WATCHPOST_SOAK=1 takes every byte.
func TestEveryByteOfTheZipIsWatched(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	flip := func(b []byte, at int, by byte) {
		t.Helper()
		b[at] ^= by
		r := verify(t, b, public)
		require.True(t, found(r), "byte %d of %d changed by %#02x", at, len(b), by)
		b[at] ^= by
	}
	kase := caseOf(t)
	clips := kase.Clips
	kase.Clips = nil
	small := bundle(t, kase)
	require.False(t, found(verify(t, small, public)))
	within := map[int]bool{} // bytes of files
	for _, f := range unpack(t, small) {
		at := int(offsetOf(t, small, f.name))
		for i := range f.body {
			within[at+i] = os.Getenv("WATCHPOST_SOAK") == ""
		}
	}
	for at := range small {
		if !within[at] || random.IntN(8) == 0 {
			flip(small, at, byte(1+random.IntN(255)))
		}
		if random.IntN(16) == 0 {
			flip(small, at, 0x20) // the case of a letter
		}
	}
	kase.Clips = clips
	whole := bundle(t, kase)
	for range 300 {
		flip(whole, random.IntN(len(whole)), byte(1+random.IntN(255)))
	}
	for range 60 {
		at := random.IntN(len(whole))
		require.True(t, found(verify(t, append(bytes.Clone(whole[:at]), whole[at+1:]...), public)), "byte %d taken out", at)
		require.True(t, found(verify(t, append(append(bytes.Clone(whole[:at]), byte(random.Uint32())), whole[at:]...), public)), "a byte put in at %d", at)
	}
}

// forge packs the files of a good bundle anew, with what a forger may do to the
// records of one of them.
type forge struct {
	name  string                                  // of the file it is done to
	local func(*zip.FileHeader)                   // to its record
	body  func(method uint16, b []byte) []byte    // to its packed bytes
	patch func(zipped []byte, local, central int) // to the finished zip, at its two records
}

func (g forge) pack(t *testing.T, files []packed, method uint16) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		b := f.body
		if method == zip.Deflate {
			var c bytes.Buffer
			w, err := flate.NewWriter(&c, 9)
			require.NoError(t, err)
			_, err = w.Write(b)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			b = c.Bytes()
		}
		if f.name == g.name && g.body != nil {
			b = g.body(method, bytes.Clone(b))
		}
		h := &zip.FileHeader{Name: f.name, Method: method, CRC32: crc32.ChecksumIEEE(f.body), UncompressedSize64: uint64(len(f.body)), CompressedSize64: uint64(len(b))}
		if f.name == g.name && g.local != nil {
			g.local(h)
		}
		w, err := z.CreateRaw(h)
		require.NoError(t, err)
		if !strings.HasSuffix(h.Name, "/") {
			_, err = w.Write(b)
			require.NoError(t, err)
		}
	}
	require.NoError(t, z.Close())
	zipped := out.Bytes()
	if g.patch != nil {
		name := []byte(g.name)
		g.patch(zipped, bytes.Index(zipped, name)-30, bytes.LastIndex(zipped, name)-46)
	}
	return zipped
}

// unicodePath is the extra field by which zip programs give a file another
// name (APPNOTE 4.6.9).
func unicodePath(name, shown string) []byte {
	field := append([]byte{1}, binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(name)))...)
	field = append(field, shown...)
	return append(binary.LittleEndian.AppendUint16([]byte{0x75, 0x70}, uint16(len(field))), field...)
}

// What a forger does to the records around files that are all as they were, so
// that another program shows, follows or hides something else.
func TestForgedRecords(t *testing.T) {
	files := unpack(t, bundle(t, caseOf(t)))
	le := binary.LittleEndian
	central := func(at int, change func([]byte)) func([]byte, int, int) {
		return func(b []byte, _, c int) { change(b[c+at:]) }
	}
	for name, c := range map[string]struct {
		forge
		method uint16
		want   string
	}{
		"shown under another name":  {forge{local: func(h *zip.FileHeader) { h.Extra = unicodePath(h.Name, "clips/002.mp4") }}, zip.Store, "may make programs show it as another file"},
		"two sizes for one":         {forge{local: func(h *zip.FileHeader) { h.Extra = []byte{0x75, 0x78, 0, 0, 0x75, 0x78, 0, 0} }}, zip.Store, "the same field to it twice"},
		"an extra that is cut off":  {forge{local: func(h *zip.FileHeader) { h.Extra = []byte{0x75, 0x78, 9, 0} }}, zip.Store, "cut off"},
		"a comment":                 {forge{local: func(h *zip.FileHeader) { h.Comment = "genuine" }}, zip.Store, "no signature covers"},
		"a link of Unix":            {forge{local: func(h *zip.FileHeader) { h.CreatorVersion, h.ExternalAttrs = 3<<8, 0xa1ff<<16 }}, zip.Store, "not an ordinary file"},
		"a link that DOS made":      {forge{local: func(h *zip.FileHeader) { h.ExternalAttrs = 0xa1ff << 16 }}, zip.Store, "not an ordinary file"},
		"a link of another system":  {forge{local: func(h *zip.FileHeader) { h.CreatorVersion, h.ExternalAttrs = 19<<8, 0xa1ff<<16 }}, zip.Store, "not an ordinary file"},
		"a folder that is a file":   {forge{local: func(h *zip.FileHeader) { h.CreatorVersion, h.ExternalAttrs = 3<<8, 0x81a4<<16|0x10 }}, zip.Store, "not an ordinary file"},
		"bytes behind what unpacks": {forge{body: func(_ uint16, b []byte) []byte { return append(b, "hidden"...) }}, zip.Deflate, "unpack to nothing"},
		"another size in front":     {forge{patch: func(b []byte, l, _ int) { le.PutUint32(b[l+22:], 1) }}, zip.Store, "do not fit together"},
		"another sum in front":      {forge{patch: func(b []byte, l, _ int) { b[l+14] ^= 1 }}, zip.Store, "do not fit together"},
		"another method in front":   {forge{patch: func(b []byte, l, _ int) { b[l+8] ^= 8 }}, zip.Store, "do not fit together"},
		"another sum behind":        {forge{patch: central(16, func(b []byte) { b[0] ^= 1 })}, zip.Store, ""},
		"a strong encryption":       {forge{patch: func(b []byte, l, c int) { b[l+6] |= 0x40; b[c+8] |= 0x40 }}, zip.Store, "marked in a way"},
		"an encryption":             {forge{patch: func(b []byte, l, c int) { b[l+6] |= 1; b[c+8] |= 1 }}, zip.Store, "encrypted"},
		"its name in the directory": {forge{patch: central(46, func(b []byte) { b[0] ^= 0x20 })}, zip.Store, ""},
	} {
		c.forge.name = clipName
		r := verify(t, c.forge.pack(t, files, c.method), public)
		require.False(t, r.Good(), name)
		text := &strings.Builder{}
		require.NoError(t, r.Print(text, "x.zip"))
		require.Contains(t, text.String(), c.want, name)
	}
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		r := verify(t, forge{}.pack(t, files, method), public)
		require.True(t, r.Good(), r.Problems)
		require.False(t, r.AsWritten)
	}
	// A folder is no place to hide anything either.
	for _, change := range []func(*zip.FileHeader){
		func(h *zip.FileHeader) { h.Extra = unicodePath(h.Name, "../x") },
		func(h *zip.FileHeader) { h.ExternalAttrs = 0xa1ff << 16 },
		func(h *zip.FileHeader) { h.Comment = "x" },
	} {
		b := forge{name: "clips/", local: change}.pack(t, append([]packed{{"clips/", nil}}, files...), zip.Store)
		require.False(t, verify(t, b, public).Good())
	}
}

// Bundles of the same box whose parts change places.
func TestPartsOfAnotherBundle(t *testing.T) {
	mine := unpack(t, bundle(t, caseOf(t)))
	kase := caseOf(t)
	kase.Incident, kase.Reason = "01MOTHER", "another case"
	theirs := unpack(t, bundle(t, kase))
	swap := func(names ...string) []byte {
		files := make([]packed, len(mine))
		copy(files, mine)
		for i := range files {
			for _, name := range names {
				if files[i].name == name {
					files[i].body = find(theirs, name)
				}
			}
		}
		return pack(t, files, zip.Store)
	}
	require.True(t, says(verify(t, swap("manifest.json"), public), "manifest.sig", "does not fit the manifest"))
	require.True(t, says(verify(t, swap("manifest.sig"), public), "manifest.sig", "does not fit the manifest"))
	whole := verify(t, swap("manifest.json", "manifest.sig"), public)
	require.True(t, whole.Good(), "the same files, under the other's manifest: that is the other bundle")
	require.Equal(t, "01MOTHER", whole.Manifest.Incident)

	// One clip in the place of another of the same length.
	kase = caseOf(t)
	film := footage(t)
	second := append(bytes.Clone(film[:len(film)-1]), film[len(film)-1]^1)
	kase.Clips = []evidence.Clip{{ID: "a", Part: "whole", Open: holds(film)}, {ID: "b", Part: "whole", Open: holds(second)}}
	files := unpack(t, bundle(t, kase))
	var at []int
	for i := range files {
		if strings.HasPrefix(files[i].name, "clips/") {
			at = append(at, i)
		}
	}
	require.Len(t, at, 2)
	files[at[0]].body, files[at[1]].body = files[at[1]].body, files[at[0]].body
	r := verify(t, pack(t, files, zip.Store), public)
	require.True(t, says(r, files[at[0]].name, "changed from second"), r.Problems)
	require.True(t, says(r, files[at[1]].name, "changed from second"), r.Problems)

	// In another order they are the same evidence, but not the box's zip.
	files[at[0]].body, files[at[1]].body = files[at[1]].body, files[at[0]].body
	files[at[0]], files[at[1]] = files[at[1]], files[at[0]]
	r = verify(t, pack(t, files, zip.Store), public)
	require.True(t, r.Good())
	require.False(t, r.AsWritten)
	text := &strings.Builder{}
	require.NoError(t, r.Print(text, "x.zip"))
	require.Contains(t, text.String(), "not the box's own")
}
