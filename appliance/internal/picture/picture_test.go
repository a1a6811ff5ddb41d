package picture_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/picture"
)

// corner is a grey picture whose left upper quarter is red.
func corner(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{120, 120, 120, 255}
			if x < w/2 && y < h/2 {
				c = color.RGBA{220, 20, 20, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func asJPEG(t testing.TB, img image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}))
	return b.Bytes()
}

func asPNG(t testing.TB, img image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// exif is a TIFF with an orientation and a word that gives a place away.
func exif(order binary.AppendByteOrder, mark string, turned uint16) []byte {
	b := append([]byte(mark), 0, 0)
	order.(binary.ByteOrder).PutUint16(b[2:], 42)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 1)
	b = order.AppendUint16(b, 0x0112)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, turned)
	b = order.AppendUint16(b, 0)
	return append(b, "GPS 28.6903N 115.9911E"...)
}

func withEXIF(raw, tiff []byte) []byte {
	body := append([]byte("Exif\x00\x00"), tiff...)
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(len(body)+2))
	return append(append(head, body...), raw[2:]...)
}

func chunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

func clean(t *testing.T, raw []byte) (picture.Picture, image.Image) {
	t.Helper()
	p, err := picture.Clean(raw)
	require.NoError(t, err)
	img, err := jpeg.Decode(bytes.NewReader(p.JPEG))
	require.NoError(t, err)
	require.Equal(t, image.Pt(p.Width, p.Height), img.Bounds().Size())
	return p, img
}

// redCorner says which corner is red: 0 left above, 1 right above, 2 left
// below, 3 right below.
func redCorner(t *testing.T, img image.Image) int {
	t.Helper()
	size, found := img.Bounds().Size(), -1
	for i := range 4 {
		x, y := size.X/8+(i%2)*size.X*3/4, size.Y/8+(i/2)*size.Y*3/4
		r, g, _, _ := img.At(x, y).RGBA()
		if r > 2*g {
			require.Equal(t, -1, found, "more than one corner is red")
			found = i
		}
	}
	return found
}

func TestOrientationIsAppliedAndForgotten(t *testing.T) {
	raw := asJPEG(t, corner(64, 32))
	for turned, want := range map[uint16]int{0: 0, 1: 0, 2: 1, 3: 3, 4: 2, 5: 0, 6: 1, 7: 3, 8: 2, 9: 0} {
		for mark, order := range map[string]binary.AppendByteOrder{"II": binary.LittleEndian, "MM": binary.BigEndian} {
			p, img := clean(t, withEXIF(raw, exif(order, mark, turned)))
			require.Equal(t, want, redCorner(t, img), "orientation %d", turned)
			require.Equal(t, turned >= 5 && turned <= 8, p.Height > p.Width, "orientation %d", turned)
			require.NotContains(t, string(p.JPEG), "GPS")
			require.NotContains(t, string(p.JPEG), "Exif")
		}
	}
	drawn := asPNG(t, corner(64, 32))
	const header = 8 + 25
	turned := append(append(bytes.Clone(drawn[:header]), chunk("eXIf", exif(binary.BigEndian, "MM", 6))...), drawn[header:]...)
	_, img := clean(t, turned)
	require.Equal(t, 1, redCorner(t, img))
}

func TestWhatIsHiddenIsGone(t *testing.T) {
	raw := asJPEG(t, corner(40, 40))
	comment := append(binary.BigEndian.AppendUint16([]byte{0xff, 0xfe}, 2+6), "secret"...)
	hidden := append(append(append(bytes.Clone(raw[:2]), comment...), raw[2:]...), "PK\x03\x04 secret behind the picture"...)
	p, _ := clean(t, hidden)
	require.NotContains(t, string(p.JPEG), "secret")
	same, _ := clean(t, raw)
	require.Equal(t, same.JPEG, p.JPEG, "the same pixels give the same bytes")
}

func TestLargeAndTransparentPictures(t *testing.T) {
	p, img := clean(t, asJPEG(t, corner(4100, 1000)))
	require.Equal(t, []int{1920, 468}, []int{p.Width, p.Height})
	require.Equal(t, 0, redCorner(t, img))
	p, _ = clean(t, asPNG(t, image.NewGray(image.Rect(0, 0, 1, 5000))))
	require.Equal(t, []int{1, 1920}, []int{p.Width, p.Height})
	_, img = clean(t, asPNG(t, image.NewNRGBA(image.Rect(0, 0, 8, 8))))
	r, _, _, _ := img.At(4, 4).RGBA()
	require.Greater(t, r, uint32(0xf000), "what is not painted is white")
}

func TestWhatCostsTooMuchIsRefusedBeforeItIsDecoded(t *testing.T) {
	limit := func(raw []byte, what string) {
		t.Helper()
		_, err := picture.Clean(raw)
		var over *picture.LimitError
		require.ErrorAs(t, err, &over)
		require.Equal(t, what, over.What)
	}
	limit(make([]byte, picture.BytesMax+1), "bytes")
	bomb := asPNG(t, image.NewGray(image.Rect(0, 0, 4, 4)))
	header := append([]byte(nil), bomb[16:29]...)
	binary.BigEndian.PutUint32(header, 60_000)
	binary.BigEndian.PutUint32(header[4:], 60_000)
	limit(append(append(bytes.Clone(bomb[:8]), chunk("IHDR", header)...), bomb[33:]...), "pixels")

	// A progressive JPEG costs more than twice as much.
	raw := asJPEG(t, corner(16, 16))
	at := bytes.Index(raw, []byte{0xff, 0xc0})
	require.Positive(t, at)
	raw[at+1] = 0xc2
	binary.BigEndian.PutUint16(raw[at+5:], 3200)
	binary.BigEndian.PutUint16(raw[at+7:], 4000)
	limit(raw, "pixels")

	// A scan over all of a picture costs a few bytes: as many as fit are refused.
	raw = asJPEG(t, corner(16, 16))
	at = bytes.Index(raw, []byte{0xff, 0xda})
	require.Positive(t, at)
	scan := raw[at : len(raw)-2]
	limit(append(append(bytes.Clone(raw[:at]), bytes.Repeat(scan, 101)...), 0xff, 0xd9), "scans")
}

func TestWhatIsNoPictureIsRefused(t *testing.T) {
	for _, raw := range []string{"", "GIF89a", "\x00\x00\x00\x20ftypheic", "<svg onload=alert(1)>"} {
		_, err := picture.Clean([]byte(raw))
		require.ErrorIs(t, err, picture.ErrKind, "%q", raw)
	}
	raw := asJPEG(t, corner(64, 64))
	for _, broken := range [][]byte{raw[:3], raw[:len(raw)/2], asPNG(t, corner(8, 8))[:40]} {
		_, err := picture.Clean(broken)
		require.ErrorIs(t, err, picture.ErrBroken)
	}
}

// Whatever comes in, what goes out is a picture within the limits, and going
// through it again changes its size no more.
func FuzzClean(f *testing.F) {
	raw := asJPEG(f, corner(24, 16))
	f.Add(raw)
	f.Add(asPNG(f, corner(24, 16)))
	f.Add(withEXIF(raw, exif(binary.LittleEndian, "II", 6)))
	f.Add(withEXIF(raw, []byte("MM\x00*\xff\xff\xff\xff")))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x01"))
	f.Add([]byte("\x89PNG\r\n\x1a\n\xff\xff\xff\xffeXIf"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := picture.Clean(raw)
		if err != nil {
			return
		}
		again, err := picture.Clean(p.JPEG)
		require.NoError(t, err)
		require.Equal(t, []int{p.Width, p.Height}, []int{again.Width, again.Height})
		require.LessOrEqual(t, max(p.Width, p.Height), picture.SideMax)
	})
}

// BenchmarkTwelveMegapixels is what one photograph costs.
func BenchmarkTwelveMegapixels(b *testing.B) {
	raw := asJPEG(b, corner(4032, 3024))
	b.ReportAllocs()
	for b.Loop() {
		_, err := picture.Clean(raw)
		require.NoError(b, err)
	}
}
