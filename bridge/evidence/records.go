package evidence

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Flags of a file in a zip that say nothing about what it holds (APPNOTE
// 4.4.4): how hard it was packed, a record after it, names in UTF-8.
const harmlessFlags = 1<<1 | 1<<2 | 1<<3 | 1<<11

// Kinds of extra fields that only hold sizes, times and owners. Others change
// what a program shows: 0x7075 gives a file another name.
const (
	extraZip64    = 0x0001
	extraNTFS     = 0x000a
	extraTime     = 0x5455
	extraUnix     = 0x5855
	extraOwner    = 0x7855
	extraOwnerNew = 0x7875
)

// Of a file's attributes: the kinds a Unix knows (S_IFMT, S_IFREG), and what
// DOS calls a folder or a volume. Programs differ in when they look at which.
const (
	unixKind    = 0xf000
	unixRegular = 0x8000
	unixFolder  = 0x4000
	dosFolder   = 0x10
	dosVolume   = 0x08
)

// refuseRecord says why a file's entry in the directory is not a bundle's: it
// makes programs show something else than the file that is checked.
func refuseRecord(f *zip.File, folder bool) string {
	kind, dos := f.ExternalAttrs>>16&unixKind, f.ExternalAttrs&(dosFolder|dosVolume)
	switch {
	case f.Flags&1 != 0:
		return "it is encrypted"
	case f.Flags&^harmlessFlags != 0:
		return "it is marked in a way that bundles are not"
	case f.Comment != "":
		return "it has a comment, which no signature covers"
	case folder && (kind != 0 && kind != unixFolder || dos&dosVolume != 0), !folder && (kind != 0 && kind != unixRegular || dos != 0):
		return "it is not an ordinary file"
	}
	if _, err := extras(f.Extra); err != nil {
		return err.Error()
	}
	return ""
}

// extras takes the extra fields of a file's record apart, by kind.
func extras(b []byte) (map[uint16][]byte, error) {
	fields := map[uint16][]byte{}
	for len(b) > 0 {
		if len(b) < 4 || len(b) < 4+int(binary.LittleEndian.Uint16(b[2:])) {
			return nil, errors.New("what the zip adds about it is cut off")
		}
		kind, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		switch kind {
		case extraZip64, extraNTFS, extraTime, extraUnix, extraOwner, extraOwnerNew:
		default:
			return nil, fmt.Errorf("the zip adds a field to it (%#04x) that may make programs show it as another file", kind)
		}
		if _, twice := fields[kind]; twice {
			return nil, errors.New("the zip adds the same field to it twice")
		}
		fields[kind], b = b[4:4+size], b[4+size:]
	}
	return fields, nil
}

// localFits compares the sizes and the sum in the record before a file with
// those of the directory: a program that reads from the front goes by them.
func localFits(head []byte, f *zip.File, extra []byte) bool {
	fields, err := extras(extra)
	if err != nil {
		return false
	}
	le := binary.LittleEndian
	sum, packed, whole := le.Uint32(head[14:]), uint64(le.Uint32(head[18:])), uint64(le.Uint32(head[22:]))
	if large, is := fields[extraZip64]; is {
		if len(large) != 16 {
			return false
		}
		if whole == 1<<32-1 {
			whole = le.Uint64(large)
		}
		if packed == 1<<32-1 {
			packed = le.Uint64(large[8:])
		}
	}
	if f.Flags&8 != 0 && sum == 0 && packed == 0 && whole == 0 {
		return true // they follow the file
	}
	return sum == f.CRC32 && packed == f.CompressedSize64 && whole == f.UncompressedSize64
}

var errUnused = errors.New("bytes lie behind it that unpack to nothing")

// inflateAll unpacks, and refuses what is packed but never unpacked.
func inflateAll(r io.Reader) io.ReadCloser {
	in := bufio.NewReader(r)
	return &inflated{in, flate.NewReader(in)}
}

type inflated struct {
	in *bufio.Reader
	io.ReadCloser
}

func (i *inflated) Read(p []byte) (int, error) {
	n, err := i.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		if _, more := i.in.ReadByte(); more == nil {
			err = errUnused
		}
	}
	return n, err
}

// asWritten reports whether the zip is the one that Write made of the manifest's
// files, to the last byte of its records. The files themselves are checked
// elsewhere.
func (v *verifier) asWritten(m *Manifest) bool {
	same := &comparison{r: v.bundle, same: true}
	w := zip.NewWriter(same)
	names := make([]string, 0, len(m.Files)+3)
	for i := range m.Files {
		names = append(names, m.Files[i].Path)
	}
	for _, name := range append(names, manifestName, sigName, keyName) {
		f := v.zip.files[name]
		if f == nil || f.Method != zip.Store || same.record(w, zipHeader(name, m.Made), f) != nil {
			return false
		}
	}
	return w.Close() == nil && same.same && same.at == v.size
}

// comparison is a writer that compares with what is there.
type comparison struct {
	r    io.ReaderAt
	at   int64
	same bool
	skip bool // what comes now is not looked at
	buf  []byte
}

func (c *comparison) Write(p []byte) (int, error) {
	if !c.skip && c.same {
		c.buf = append(c.buf[:0], p...)
		_, err := c.r.ReadAt(c.buf, c.at)
		c.same = (err == nil || errors.Is(err, io.EOF)) && bytes.Equal(c.buf, p)
	}
	c.at += int64(len(p))
	return len(p), nil
}

// record compares the records of one file, as Write would have made them.
func (c *comparison) record(w *zip.Writer, h *zip.FileHeader, f *zip.File) error {
	if _, err := zip.NewWriter(io.Discard).CreateHeader(h); err != nil { // fills in what CreateRaw leaves
		return err
	}
	h.CRC32, h.CompressedSize64, h.UncompressedSize64 = f.CRC32, f.CompressedSize64, f.UncompressedSize64
	body, err := w.CreateRaw(h)
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	c.skip = true
	if _, err := io.CopyN(body, zeros{}, int64(h.UncompressedSize64)); err != nil {
		return err
	}
	err = w.Flush()
	c.skip = false
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
