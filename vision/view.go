package vision

// Tiles of a View, across and down.
const (
	TilesX = 8
	TilesY = 6
)

// View is a frame made small, with masks black, as it is compared with others.
// It is valid until the next Look of the MotionDetector that made it.
type View struct {
	W, H   int
	Luma   []byte // W×H
	Masked []bool // W×H; nil when there are no masks
	// Fine is how sharp each tile of the whole frame is: the mean second
	// difference of its luma along rows, in levels.
	Fine [TilesX * TilesY]float64
	// Mark is the same for frames that are exactly the same: a checksum of rows of
	// the whole frame, where it is not masked.
	Mark uint64
}

// masked tells whether the pixel is not to be seen.
func (v *View) masked(i int) bool { return v.Masked != nil && v.Masked[i] }
