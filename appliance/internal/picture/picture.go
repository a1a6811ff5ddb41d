package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
)

// Limits of what is taken and of what is made of it.
const (
	BytesMax  = 12 << 20   // of the file as it came: a telephone's 12 megapixels have 3 to 6 MiB
	PixelsMax = 24_000_000 // decoding costs up to 8 bytes each
	// ProgressiveMax is for a progressive JPEG: image/jpeg keeps all of its
	// coefficients, which costs up to 20 bytes for each pixel (375 MiB were seen
	// of 24 megapixels in three colours).
	ProgressiveMax = 12_500_000
	SideMax        = 1920 // pixels of the longer side of what is kept
	scansMax       = 100  // of a JPEG: cameras make 1 to 10
	quality        = 85   // of the JPEG that is kept
)

// What is refused.
var (
	ErrKind   = errors.New("neither JPEG nor PNG")
	ErrBroken = errors.New("cannot be read as a picture")
)

// LimitError is a picture that would cost too much.
type LimitError struct {
	What  string // bytes, pixels, scans
	Value int
	Max   int
}

func (e *LimitError) Error() string { return fmt.Sprintf("%d %s, at most %d", e.Value, e.What, e.Max) }

// Picture is what is kept.
type Picture struct {
	JPEG          []byte
	Width, Height int // pixels
}

// Clean draws a JPEG or a PNG anew.
func Clean(raw []byte) (Picture, error) {
	if len(raw) > BytesMax {
		return Picture{}, &LimitError{"bytes", len(raw), BytesMax}
	}
	f := formatOf(raw)
	if f == nil {
		return Picture{}, ErrKind
	}
	size, err := f.size(bytes.NewReader(raw))
	if err != nil {
		return Picture{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if size.Width <= 0 || size.Height <= 0 {
		return Picture{}, fmt.Errorf("%w: it has no pixels", ErrBroken)
	}
	told := f.told(raw)
	most := PixelsMax
	if told.progressive {
		most = ProgressiveMax
	}
	if size.Width > most/size.Height {
		return Picture{}, &LimitError{"pixels", size.Width * size.Height, most}
	}
	if told.scans > scansMax {
		return Picture{}, &LimitError{"scans", told.scans, scansMax}
	}
	img, err := f.decode(bytes.NewReader(raw))
	if err != nil {
		return Picture{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	drawn := upright(small(img), orientation(told.exif))
	var out bytes.Buffer
	if err := jpeg.Encode(&out, drawn, &jpeg.Options{Quality: quality}); err != nil {
		return Picture{}, fmt.Errorf("encode picture: %w", err)
	}
	return Picture{out.Bytes(), drawn.Rect.Dx(), drawn.Rect.Dy()}, nil
}

// format is one kind of file.
type format struct {
	magic  string
	size   func(*bytes.Reader) (image.Config, error)
	decode func(*bytes.Reader) (image.Image, error)
	told   func([]byte) told
}

// told is what a file says besides its pixels.
type told struct {
	scans       int // how often it draws over itself
	progressive bool
	exif        []byte // TIFF; nil: none
}

func formatOf(raw []byte) *format {
	for _, f := range []format{
		{"\xff\xd8\xff", func(r *bytes.Reader) (image.Config, error) { return jpeg.DecodeConfig(r) }, func(r *bytes.Reader) (image.Image, error) { return jpeg.Decode(r) }, toldByJPEG},
		{"\x89PNG\r\n\x1a\n", func(r *bytes.Reader) (image.Config, error) { return png.DecodeConfig(r) }, func(r *bytes.Reader) (image.Image, error) { return png.Decode(r) }, toldByPNG},
	} {
		if bytes.HasPrefix(raw, []byte(f.magic)) {
			return &f
		}
	}
	return nil
}

// small is the picture from 0,0 on white, its longer side at most SideMax. It is halved
// until one more step is less than that: each pixel then counts, and no step
// needs more room than a quarter of the one before.
func small(img image.Image) *image.RGBA {
	for {
		size := img.Bounds().Size()
		long := max(size.X, size.Y)
		to := size
		switch {
		case long > 2*SideMax:
			to = image.Pt((size.X+1)/2, (size.Y+1)/2)
		case long > SideMax:
			to = image.Pt(max(1, size.X*SideMax/long), max(1, size.Y*SideMax/long))
		}
		next := image.NewRGBA(image.Rectangle{Max: to})
		draw.Draw(next, next.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
		draw.ApproxBiLinear.Scale(next, next.Rect, img, img.Bounds(), draw.Over, nil)
		if max(to.X, to.Y) <= SideMax {
			return next
		}
		img = next
	}
}

// upright turns and mirrors a picture as EXIF's orientation says (CIPA
// DC-008, 4.6.5: 1 as it is, 2 to 8 where its first row and column belong).
func upright(in *image.RGBA, orientation int) *image.RGBA {
	if orientation < 2 || orientation > 8 {
		return in
	}
	w, h := in.Rect.Dx(), in.Rect.Dy()
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			tx, ty := x, y
			switch orientation {
			case 2:
				tx = w - 1 - x
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				ty = h - 1 - y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			case 8:
				tx, ty = y, w-1-x
			}
			copy(out.Pix[out.PixOffset(tx, ty):][:4], in.Pix[in.PixOffset(x, y):][:4])
		}
	}
	return out
}
