package detect

import (
	"image"

	"gocv.io/x/gocv"

	"github.com/watchpost-edge/watchpost/vision"
)

const fineRows = 8 // of so many rows of the whole frame one is measured

// FNV-1a with 64 bits (RFC 9923).
const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// view is the small picture as vision compares it, and how sharp the whole one
// is where no mask lies.
func (m *Motion) view(f *vision.Frame) (vision.View, error) {
	luma, err := m.small.DataPtrUint8()
	if err != nil {
		return vision.View{}, err
	}
	v := vision.View{W: m.size.X, H: m.size.Y, Luma: luma, Masked: m.masked}
	var sum, n [vision.TilesX * vision.TilesY]float64
	v.Mark = fnvOffset
	for y := 0; y < f.Height; y += fineRows {
		row := f.Y[y*f.StrideY : y*f.StrideY+f.Width]
		sy := y * m.size.Y / f.Height
		for sx := range m.size.X {
			x0, x1 := max(1, sx*f.Width/m.size.X), min(f.Width-1, (sx+1)*f.Width/m.size.X)
			if m.masked != nil && m.masked[sy*m.size.X+sx] || x1 <= x0 {
				continue
			}
			total := 0
			for x := x0; x < x1; x++ {
				d := 2*int(row[x]) - int(row[x-1]) - int(row[x+1])
				total += max(d, -d)
			}
			v.Mark = ((v.Mark^uint64(total))*fnvPrime ^ uint64(row[x0])) * fnvPrime
			t := sy*vision.TilesY/m.size.Y*vision.TilesX + sx*vision.TilesX/m.size.X
			sum[t] += float64(total)
			n[t] += float64(x1 - x0)
		}
	}
	for t := range sum {
		v.Fine[t] = sum[t] / max(n[t], 1)
	}
	return v, nil
}

// maskedPixels tells which pixels of a picture of that size are black.
func maskedPixels(size image.Point, masks [][]vision.Point) []bool {
	if len(masks) == 0 {
		return nil
	}
	white := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(255, 0, 0, 0), size.Y, size.X, gocv.MatTypeCV8U)
	defer white.Close()
	black(&white, masks)
	out := make([]bool, size.X*size.Y)
	pixels, err := white.DataPtrUint8()
	if err != nil {
		return out
	}
	for i, p := range pixels {
		out[i] = p == 0
	}
	return out
}
