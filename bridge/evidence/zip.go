package evidence

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
)

// archive is the zip of a bundle, opened without trust.
type archive struct {
	files map[string]*zip.File
	order []string
}

// directoryReader lets the zip's directory be no larger than it needs to be:
// archive/zip reads all of it into memory.
type directoryReader struct {
	io.ReaderAt
	left atomic.Int64
}

var errDirectory = errors.New("its directory is larger than any bundle's")

func (r *directoryReader) ReadAt(p []byte, at int64) (int, error) {
	if r.left.Add(-int64(len(p))) < 0 {
		return 0, errDirectory
	}
	return r.ReaderAt.ReadAt(p, at)
}

// openArchive reads the directory and gives what is wrong with the zip as
// such; nil and a reason when there is nothing to go on with.
func openArchive(r io.ReaderAt, size int64) (*archive, []string) {
	limited := &directoryReader{ReaderAt: r}
	limited.left.Store(directoryMax)
	z, err := zip.NewReader(limited, size)
	switch {
	case errors.Is(err, errDirectory):
		return nil, []string{err.Error()}
	case err != nil:
		return nil, []string{fmt.Sprintf("it is cut off, or it is not a zip file at all (%s)", plain(err.Error()))}
	case len(z.File) > filesMax+3:
		return nil, []string{fmt.Sprintf("it holds %d files, more than any bundle", len(z.File))}
	}
	limited.left.Store(1 << 62)
	z.RegisterDecompressor(zip.Deflate, inflateAll)
	a := &archive{files: map[string]*zip.File{}}
	var wrong []string
	folded := map[string]string{}
	for _, f := range z.File {
		folder := strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 && f.CompressedSize64 == 0 && checkPath(strings.TrimSuffix(f.Name, "/")) == nil
		reason := refuseRecord(f, folder)
		if folder && reason == "" {
			continue // as zip programs add them
		}
		if reason == "" {
			reason = refuse(f)
		}
		if reason != "" {
			wrong = append(wrong, fmt.Sprintf("%s: %s", plain(f.Name), reason))
			continue
		}
		if other, twice := folded[strings.ToLower(f.Name)]; twice {
			wrong = append(wrong, fmt.Sprintf("it holds both %s and %s: programs differ in which of them they show", plain(other), plain(f.Name)))
			continue
		}
		folded[strings.ToLower(f.Name)] = f.Name
		a.files[f.Name] = f
		a.order = append(a.order, f.Name)
	}
	overlap, err := checkLayout(limited, size, z)
	if overlap {
		return nil, []string{err.Error()} // a small zip could keep us reading for ever
	}
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	return a, wrong
}

// refuse says why a file of a zip is not even looked at; "" when it is.
func refuse(f *zip.File) string {
	if err := checkPath(f.Name); err != nil {
		return "its name is not one that a bundle has"
	}
	switch {
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return "it is packed in a way that bundles are not"
	case !f.Mode().IsRegular():
		return "it is not an ordinary file"
	case f.UncompressedSize64 > fileBytesMax || f.CompressedSize64 > fileBytesMax:
		return "it is larger than any file of a bundle"
	case f.UncompressedSize64 > inflateFreeBytes && f.UncompressedSize64/inflateMax > f.CompressedSize64:
		return "it unpacks to far more than it is: it is not unpacked"
	case f.Method == zip.Store && f.UncompressedSize64 != f.CompressedSize64:
		return "its two sizes differ"
	}
	return ""
}

// Sizes of a zip's records (APPNOTE 6.3.10, 4.3).
const (
	localSize     = 30
	directorySize = 46
	endSize       = 22
	end64Size     = 56 + 20
	localExtraMax = 1024
)

// checkLayout wants a zip to be its files, one after the other, and then its
// directory: no room for anything that one program shows and another does not.
func checkLayout(r io.ReaderAt, size int64, z *zip.Reader) (overlap bool, err error) {
	type placed struct {
		*zip.File
		data int64
	}
	files := make([]placed, 0, len(z.File))
	directory := int64(endSize)
	for _, f := range z.File {
		data, err := f.DataOffset()
		if err != nil {
			return false, fmt.Errorf("%s: the record before it is broken", plain(f.Name))
		}
		files = append(files, placed{f, data})
		directory += directorySize + int64(len(f.Name)+len(f.Extra)+len(f.Comment))
	}
	slices.SortStableFunc(files, func(a, b placed) int { return int(min(max(a.data-b.data, -1), 1)) })
	for i, f := range files[:max(len(files)-1, 0)] {
		if next := files[i+1]; f.CompressedSize64 > uint64(next.data-f.data) {
			return true, fmt.Errorf("%s and %s lie on top of each other: it is not a bundle", plain(f.Name), plain(next.Name))
		}
	}
	at := int64(0)
	for _, f := range files {
		next, err := layFile(r, size, at, f.data, f.File)
		if err != nil {
			return false, err
		}
		at = next
	}
	if rest := size - at; z.Comment != "" || rest != directory && rest != directory+end64Size {
		return false, errors.New("there is something in the zip that belongs to none of its files")
	}
	return false, nil
}

// layFile checks the file whose record must begin at byte at, and gives where
// the next one must.
func layFile(r io.ReaderAt, size, at, data int64, f *zip.File) (int64, error) {
	hidden := fmt.Errorf("the zip's records around %s do not fit together: something was put between or on top of the files", plain(f.Name))
	head := make([]byte, localSize+len(f.Name))
	if _, err := r.ReadAt(head, at); err != nil {
		return 0, hidden
	}
	le := binary.LittleEndian
	extra := int64(le.Uint16(head[28:]))
	switch {
	case le.Uint32(head) != 0x04034b50, int(le.Uint16(head[26:])) != len(f.Name), string(head[localSize:]) != f.Name,
		le.Uint16(head[4:]) != f.ReaderVersion, le.Uint16(head[6:]) != f.Flags, le.Uint16(head[8:]) != f.Method,
		le.Uint16(head[10:]) != f.ModifiedTime, le.Uint16(head[12:]) != f.ModifiedDate, extra > localExtraMax,
		at+localSize+int64(len(f.Name))+extra != data, f.CompressedSize64 > uint64(size-data):
		return 0, hidden
	}
	added := make([]byte, extra)
	if _, err := r.ReadAt(added, data-extra); err != nil && extra > 0 || !localFits(head, f, added) {
		return 0, hidden
	}
	end := data + int64(f.CompressedSize64)
	if f.Flags&8 == 0 {
		return end, nil
	}
	tail := make([]byte, 24)
	n, err := r.ReadAt(tail, end)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, hidden
	}
	tail = tail[:n]
	for _, form := range descriptors(f) {
		if bytes.HasPrefix(tail, form) {
			return end + int64(len(form)), nil
		}
	}
	return 0, fmt.Errorf("the zip's record after %s was changed", plain(f.Name))
}

// descriptors are the four forms of the record that follows a file which was
// written without knowing its size: with and without a signature, and with
// sizes of 4 and of 8 bytes. The longer are tried first.
func descriptors(f *zip.File) [][]byte {
	le := binary.LittleEndian
	sum := le.AppendUint32(nil, f.CRC32)
	long := le.AppendUint64(le.AppendUint64(bytes.Clone(sum), f.CompressedSize64), f.UncompressedSize64)
	short := le.AppendUint32(le.AppendUint32(bytes.Clone(sum), uint32(f.CompressedSize64)), uint32(f.UncompressedSize64))
	sig := []byte("PK\x07\x08")
	return [][]byte{slices.Concat(sig, long), slices.Concat(sig, short), long, short}
}
