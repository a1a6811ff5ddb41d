package detect

import (
	"fmt"
	"image"
	"image/color"
	"maps"
	"slices"

	"gocv.io/x/gocv"

	"github.com/watchpost-edge/watchpost/vision"
)

// Overlay is what is drawn over a picture for those who tune rules.
type Overlay struct {
	Masks  [][]vision.Point
	Zones  map[string][]vision.Point
	Lines  map[string]vision.Line
	Tracks []vision.Track
	Lit    map[uint64]string // tracks that met a rule lately, and what is said of them
}

var (
	zoneColour  = color.RGBA{R: 80, G: 160, B: 255, A: 255}
	trackColour = color.RGBA{R: 120, G: 220, B: 120, A: 255}
	litColour   = color.RGBA{R: 255, G: 149, A: 255}
)

// Draw returns the frame at w×h (even) as planar YUV 4:2:0 without gaps, with
// the overlay on it and the masks black.
func (o Overlay) Draw(f *vision.Frame, w, h int) ([]byte, error) {
	m, err := toBGR(f, w, h, o.Masks)
	if err != nil {
		return nil, fmt.Errorf("draw overlay: %w", err)
	}
	defer m.Close()
	px := func(p vision.Point) image.Point { return image.Pt(int(p.X*float64(w)), int(p.Y*float64(h))) }
	for _, name := range slices.Sorted(maps.Keys(o.Zones)) {
		zone := o.Zones[name]
		for i := range zone {
			gocv.Line(&m, px(zone[i]), px(zone[(i+1)%len(zone)]), zoneColour, 2)
		}
		if len(zone) > 0 {
			label(&m, name, px(zone[0]), zoneColour)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Lines)) {
		l := o.Lines[name]
		gocv.ArrowedLine(&m, px(l.From), px(l.To), zoneColour, 2)
		label(&m, name, px(l.From), zoneColour)
	}
	for _, t := range o.Tracks {
		c, text := trackColour, fmt.Sprintf("%s %d %.2f", t.Class, t.ID, t.Score)
		if said, ok := o.Lit[t.ID]; ok {
			c, text = litColour, text+" "+said
		}
		b := t.Box
		gocv.Rectangle(&m, image.Rectangle{Min: px(vision.Point{X: b.X, Y: b.Y}), Max: px(vision.Point{X: b.X + b.W, Y: b.Y + b.H})}, c, 2)
		label(&m, text, px(vision.Point{X: b.X, Y: b.Y}), c)
	}
	yuv := gocv.NewMat()
	defer yuv.Close()
	gocv.CvtColor(m, &yuv, gocv.ColorBGRToYUVI420)
	return yuv.ToBytes(), nil
}

func label(m *gocv.Mat, text string, at image.Point, c color.RGBA) {
	at.Y = max(12, at.Y-4)
	gocv.PutText(m, text, at, gocv.FontHersheySimplex, 0.45, c, 1)
}
