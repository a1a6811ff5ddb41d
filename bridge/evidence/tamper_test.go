package evidence_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

type packed struct {
	name string
	body []byte
}

func unpack(t testing.TB, b []byte) []packed {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	var out []packed
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		body, err := io.ReadAll(r)
		require.NoError(t, err)
		out = append(out, packed{f.Name, body})
	}
	return out
}

func pack(t testing.TB, files []packed, method uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: method, Modified: time.Unix(1e9, 0)})
		require.NoError(t, err)
		_, err = w.Write(f.body)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func offsetOf(t testing.TB, b []byte, name string) int64 {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	for _, f := range z.File {
		if f.Name == name {
			at, err := f.DataOffset()
			require.NoError(t, err)
			return at
		}
	}
	require.Fail(t, "no such file", name)
	return 0
}

// only is the one problem, and it is with the file.
func only(t testing.TB, r *evidence.Report, file string) evidence.Problem {
	t.Helper()
	require.Len(t, r.Problems, 1, "%v", r.Problems)
	require.Equal(t, file, r.Problems[0].File)
	require.False(t, r.Good())
	return r.Problems[0]
}

func says(r *evidence.Report, file, text string) bool {
	for _, p := range r.Problems {
		if p.File == file && strings.Contains(p.Text, text) {
			return true
		}
	}
	return false
}

func TestTamperedFilesAreNamed(t *testing.T) {
	good := unpack(t, bundle(t, caseOf(t)))
	replace := func(name, old, with string) func([]packed) []packed {
		return func(files []packed) []packed {
			for i, f := range files {
				if f.name == name {
					body := bytes.Replace(f.body, []byte(old), []byte(with), 1)
					require.NotEqual(t, f.body, body, name)
					files[i].body = body
				}
			}
			return files
		}
	}
	snapshot := "snapshots/001-" + hexSum(still) + ".jpg"
	for name, c := range map[string]struct {
		change     func([]packed) []packed
		file, want string
	}{
		"event's data":         {replace("journal/events.jsonl", `"resolved"`, `"rejected"`), "journal/events.jsonl", "line 5, event 01M00000000000000000000004 (lane alarm, number 00000000000000000004): its data does not fit"},
		"event's time":         {replace("journal/events.jsonl", `"recordedtime":"2026-03-01T06:02:04`, `"recordedtime":"2026-03-01T06:02:05`), "journal/events.jsonl", "line 2, event 01M00000000000000000000001"},
		"event's second key":   {replace("journal/events.jsonl", `"drill":false`, `"drill":false,"Drill":false`), "journal/events.jsonl", "line 1, event 01M00000000000000000000000 (lane alarm, number 00000000000000000001): it is not written as the journal writes it"},
		"event no JSON":        {replace("journal/events.jsonl", `"severity":`, `"severity"`), "journal/events.jsonl", "line 1, event 01M00000000000000000000000 (lane alarm, number 00000000000000000001): it cannot be read"},
		"event longer":         {replace("journal/events.jsonl", `"drill"`, strings.Repeat(" ", 65<<10)+`"drill"`), "journal/events.jsonl", "longer than any event"},
		"event gone":           {replace("journal/events.jsonl", "\n", " "), "journal/events.jsonl", "line 1"},
		"chain":                {replace("journal/chain.jsonl", `"prevhash":"sha256:0`, `"prevhash":"sha256:1`), "journal/chain.jsonl", "it was changed"},
		"chain gone":           {replace("journal/chain.jsonl", "{", "["), "journal/chain.jsonl", "line 1 is not a link"},
		"snapshot":             {replace(snapshot, "sighting", "fighting"), snapshot, "it was changed"},
		"snapshot shorter":     {replace(snapshot, "sighting", ""), snapshot, "bytes and had"},
		"custody":              {replace("custody.json", "exported", "imported"), "custody.json", "it was changed"},
		"clip longer":          {replace(clipName, "mdat", "mdat----"), clipName, "from second 0.000 to second 6.000"},
		"manifest":             {replace("manifest.json", `"masked": true`, `"masked": false`), "manifest.sig", "does not fit the manifest"},
		"manifest no JSON":     {replace("manifest.json", `{`, `[`), "manifest.json", "nothing can be checked"},
		"manifest other form":  {replace("manifest.json", "evidence/1", "evidence/9"), "manifest.json", `this program knows watchpost-evidence/1`},
		"manifest twice":       {replace("manifest.json", `"path": "clocks.json"`, `"path": "custody.json"`), "manifest.json", "listed twice"},
		"manifest leads out":   {replace("manifest.json", `"path": "clocks.json"`, `"path": "../clocks.json"`), "manifest.json", "not one that this program gives"},
		"manifest skips bytes": {replace("manifest.json", `"offset": 0`, `"offset": 1`), "manifest.json", "does not follow the one before"},
		"manifest vast":        {replace("manifest.json", `"bytes": `, `"bytes": 99999999999999`), "manifest.json", "bytes"},
		"manifest of zeros":    {replace("manifest.json", `"files": [`, `"files": [0,`), "manifest.json", "no object"},
		"manifest deep":        {replace("manifest.json", `{`, strings.Repeat(`{"a":`, 9)), "manifest.json", "nested deeper"},
		"manifest of many":     {replace("manifest.json", `"files": [`, `"files": [`+strings.Repeat(`{},`, 300_000)), "manifest.json", "more than 300000 parts"},
		"signature":            {replace("manifest.sig", string(find(good, "manifest.sig")[:1]), "x"), "manifest.sig", "does not fit the manifest"},
		"signature cut":        {replace("manifest.sig", string(find(good, "manifest.sig")[:1]), ""), "manifest.sig", "does not fit the manifest"},
		"key":                  {replace("key.pem", "MC", "MD"), "key.pem", "not a public key"},
		"removed":              {func(f []packed) []packed { return append(f[:7:7], f[8:]...) }, clipName, "it is missing"},
		"manifest removed":     {func(f []packed) []packed { return append(f[:9:9], f[10:]...) }, "manifest.json", "it is missing"},
		"signature removed":    {func(f []packed) []packed { return append(f[:10:10], f[11:]...) }, "manifest.sig", "it is missing"},
		"key removed":          {func(f []packed) []packed { return f[:11] }, "key.pem", "it is missing"},
		"added":                {func(f []packed) []packed { return append(f, packed{"clips/002.mp4", nil}) }, "clips/002.mp4", "it was added"},
		"added twice":          {func(f []packed) []packed { return append(f, f[0]) }, "", "holds both"},
		"added in capitals":    {func(f []packed) []packed { return append(f, packed{"MANIFEST.json", nil}) }, "", "holds both manifest.json and MANIFEST.json"},
		"added outside":        {func(f []packed) []packed { return append(f, packed{"../x", nil}) }, "", "../x: its name is not one"},
		"added at the root":    {func(f []packed) []packed { return append(f, packed{"/etc/x", nil}) }, "", "its name is not one"},
		"added with escapes":   {func(f []packed) []packed { return append(f, packed{"\x1b[2J\u202e", nil}) }, "", "?[2J?: its name is not one"},
		"added for Windows":    {func(f []packed) []packed { return append(f, packed{`..\x`, nil}) }, "", "its name is not one"},
	} {
		files := make([]packed, len(good))
		copy(files, good)
		r := verify(t, pack(t, c.change(files), zip.Store), public)
		require.False(t, r.Good(), name)
		require.True(t, says(r, c.file, c.want), "%s: %v", name, r.Problems)
		require.NoError(t, r.Print(io.Discard, name))
	}
}

func find(files []packed, name string) []byte {
	for _, f := range files {
		if f.name == name {
			return f.body
		}
	}
	return nil
}

// What a zip program packs anew is the same evidence.
func TestPackedAnewIsGood(t *testing.T) {
	files := unpack(t, bundle(t, caseOf(t)))
	anew := append([]packed{{"clips/", nil}, {"journal/", nil}}, files...)
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		r := verify(t, pack(t, anew, method), public)
		require.Empty(t, r.Problems)
		require.True(t, r.Good())
	}
}

func TestAnotherKey(t *testing.T) {
	b := bundle(t, caseOf(t))
	other := evidence.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32)))
	r := verify(t, b, other.Public().(ed25519.PublicKey))
	require.False(t, r.Good())
	require.False(t, r.Signed)
	require.True(t, says(r, "manifest.sig", "somebody signed it anew"), r.Problems)
	require.True(t, says(r, "key.pem", other.Fingerprint()), r.Problems)

	// Signed anew, key exchanged: whole in itself, and not the box's.
	var forged bytes.Buffer
	require.NoError(t, evidence.Write(t.Context(), &forged, caseOf(t), other))
	require.True(t, verify(t, forged.Bytes(), nil).Good())
	require.False(t, verify(t, forged.Bytes(), public).Good())

	// Only key.pem exchanged.
	files := unpack(t, b)
	files[len(files)-1].body = other.PublicPEM()
	require.False(t, verify(t, pack(t, files, zip.Store), nil).Good())
	r = verify(t, pack(t, files, zip.Store), public)
	require.True(t, r.Signed)
	require.False(t, r.Good())
}

// Issue 3: every single-byte change in a sampled set over clip, manifest and
// journal extract is found, and the right file is named.
func TestEveryChangedByteIsFound(t *testing.T) {
	b := bundle(t, caseOf(t))
	for _, f := range unpack(t, b) {
		at, step := offsetOf(t, b, f.name), max(1, len(f.body)/60)
		for i := 0; i < len(f.body); i += step {
			b[at+int64(i)] ^= byte(1 << (i % 8))
			r := verify(t, b, public)
			require.False(t, r.Good(), "%s byte %d", f.name, i)
			named := f.name
			if named == "manifest.json" {
				named = "manifest.sig"
			}
			require.True(t, says(r, named, ""), "%s byte %d: %v", f.name, i, r.Problems)
			b[at+int64(i)] ^= byte(1 << (i % 8))
		}
	}
	require.True(t, verify(t, b, public).Good())
}

func TestZipThatIsNotWhole(t *testing.T) {
	b := bundle(t, caseOf(t))
	for _, n := range []int{0, 1, 21, 22, 1000, len(b) / 2, len(b) - 1000, len(b) - 22, len(b) - 1} {
		r := verify(t, b[:n], public)
		require.False(t, r.Good(), n)
		require.True(t, says(r, "", "cut off"), "%d: %v", n, r.Problems)
	}
	for _, n := range []int{1, 10, 31, 1000} { // at its start: the directory then points to before it
		require.False(t, verify(t, b[n:], public).Good(), n)
	}
}

func TestZipThatHidesSomething(t *testing.T) {
	b := bundle(t, caseOf(t))
	prefixed := append(bytes.Repeat([]byte("#!/bin/sh\n"), 10), b...)
	require.False(t, verify(t, prefixed, public).Good())
	require.False(t, verify(t, append(bytes.Clone(b), 0), public).Good())
	require.False(t, verify(t, append(bytes.Clone(b), b...), public).Good(), "two in a row: programs differ in which they read")

	var commented bytes.Buffer
	z := zip.NewWriter(&commented)
	require.NoError(t, z.SetComment("more"))
	for _, f := range unpack(t, b) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name})
		require.NoError(t, err)
		_, err = w.Write(f.body)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.True(t, says(verify(t, commented.Bytes(), public), "", "belongs to none of its files"))

	other := bytes.Clone(b) // a name in the record before the file only
	other[bytes.LastIndex(b[:offsetOf(t, b, "clocks.json")], []byte("clocks.json"))] = 'r'
	require.True(t, says(verify(t, other, public), "", "do not fit together"))
}

func TestBombsAreNotUnpacked(t *testing.T) {
	files := unpack(t, bundle(t, caseOf(t)))
	bomb := pack(t, append(files, packed{"clips/009.mp4", make([]byte, 16<<20)}), zip.Deflate)
	require.True(t, says(verify(t, bomb, public), "", "it is not unpacked"))

	// A manifest that is larger than any.
	for i := range files {
		if files[i].name == "manifest.json" {
			files[i].body = append(files[i].body, bytes.Repeat([]byte{' '}, 25<<20)...)
		}
	}
	require.True(t, says(verify(t, pack(t, files, zip.Store), public), "manifest.json", "it is not read"))

	many := make([]packed, 11_000)
	for i := range many {
		many[i].name = fmt.Sprint(i)
	}
	require.True(t, says(verify(t, pack(t, many, zip.Store), public), "", "more than any bundle"))
	long := make([]packed, 200)
	for i := range long {
		long[i].name = fmt.Sprintf("%060000d", i)
	}
	require.True(t, says(verify(t, pack(t, long, zip.Store), public), "", "its directory is larger"))

	overlapping := pack(t, []packed{{"a", []byte("123")}, {"b", []byte("456")}}, zip.Store)
	at := bytes.LastIndex(overlapping, []byte("PK\x01\x02")) + 42 // where b's record is said to be
	copy(overlapping[at:], []byte{0, 0, 0, 0})
	require.False(t, verify(t, overlapping, public).Good())
}

func FuzzVerify(f *testing.F) {
	b := bundle(f, caseOf(f))
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add(b[10:])
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := verify(t, b, public)
		require.NoError(t, r.Print(io.Discard, "x"))
	})
}

func FuzzManifest(f *testing.F) {
	files := unpack(f, bundle(f, caseOf(f)))
	f.Add(find(files, "manifest.json"))
	f.Add([]byte(`{"format":"watchpost-evidence/1","files":[{"path":"SHA256SUMS","bytes":-1}],"clips":[{"path":"SHA256SUMS","ranges":[{"offset":0,"bytes":1}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		changed := make([]packed, len(files))
		copy(changed, files)
		for i := range changed {
			if changed[i].name == "manifest.json" {
				changed[i].body = b
			}
		}
		r := verify(t, pack(t, changed, zip.Store), public)
		require.NoError(t, r.Print(io.Discard, "x"))
	})
}

func FuzzEvents(f *testing.F) {
	files := unpack(f, bundle(f, caseOf(f)))
	events, chain := find(files, "journal/events.jsonl"), find(files, "journal/chain.jsonl")
	f.Add(events, chain)
	f.Add([]byte("\n\n"), []byte("{}\n"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		changed := make([]packed, len(files))
		copy(changed, files)
		changed[4].body, changed[5].body = a, b
		r := verify(t, pack(t, changed, zip.Store), public)
		require.Equal(t, bytes.Equal(a, events) && bytes.Equal(b, chain), r.Good())
		require.NoError(t, r.Print(io.Discard, "x"))
	})
}

// Whatever a clip's tables say, its bundle is good, and covers every byte.
func FuzzClip(f *testing.F) {
	film := footage(f)
	end := bytes.Index(film, []byte("mdat")) + 4
	f.Add(film)
	f.Add(film[:end])
	f.Add([]byte("\x00\x00\x00\x01moov\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, clip []byte) {
		c := evidence.Case{
			Incident: "i", By: "w", Made: bridge.At(start), Events: (&chained{}).seq(),
			Clips: []evidence.Clip{{ID: "x", Part: "whole", Open: holds(clip)}},
		}
		b := bundle(t, c)
		r := verify(t, b, public)
		require.Empty(t, r.Problems)
		raw, err := json.Marshal(r.Manifest.Clips)
		require.NoError(t, err)
		require.Less(t, len(raw), 24<<20)
		if len(clip) > 0 {
			b[offsetOf(t, b, "clips/001-x-whole.mp4")+int64(len(clip)/2)] ^= 1
			only(t, verify(t, b, public), "clips/001-x-whole.mp4")
		}
	})
}
