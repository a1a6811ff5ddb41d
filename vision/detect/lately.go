package detect

import (
	"image"
	"time"

	"gocv.io/x/gocv"

	"github.com/watchpost-edge/watchpost/vision"
)

const (
	latelyLeast = 950 * time.Millisecond // before it, somebody far may not have gone by a pixel
	latelyEvery = 450 * time.Millisecond // pictures kept are so far apart
	latelyKept  = 4                      // so one is between latelyLeast and its double old, where pictures come often
)

// lately keeps small pictures of the last two seconds, to tell what stands from
// what moves: the background remembers for longer who has left.
type lately struct {
	kept [latelyKept]still
	next int
}

type still struct {
	mat gocv.Mat
	pts int64
	run uint32
}

// stands tells whether nothing differs from a picture a second or more ago; diff
// is scratch.
func (l *lately) stands(f *vision.Frame, small gocv.Mat, diff *gocv.Mat) bool {
	ago := -1
	for i, s := range l.kept {
		age, ok := s.age(f)
		if ok && age >= latelyLeast && (ago < 0 || s.pts > l.kept[ago].pts) {
			ago = i
		}
	}
	if ago < 0 || l.kept[ago].size() != image.Pt(small.Cols(), small.Rows()) {
		return false
	}
	gocv.AbsDiff(small, l.kept[ago].mat, diff)
	gocv.Threshold(*diff, diff, motionStep, 255, gocv.ThresholdBinary)
	return gocv.CountNonZero(*diff) == 0
}

// keep remembers the picture if the newest that is kept is old enough.
func (l *lately) keep(f *vision.Frame, small gocv.Mat) {
	if age, ok := l.kept[(l.next+latelyKept-1)%latelyKept].age(f); ok && age >= 0 && age < latelyEvery {
		return
	}
	s := &l.kept[l.next]
	if s.mat.Ptr() == nil {
		s.mat = gocv.NewMat()
	}
	small.CopyTo(&s.mat)
	s.pts, s.run = f.PTS, f.Run
	l.next = (l.next + 1) % latelyKept
}

func (l *lately) close() {
	for i := range l.kept {
		if l.kept[i].mat.Ptr() != nil {
			l.kept[i].mat.Close()
		}
		l.kept[i] = still{}
	}
}

// age is how much older it is than the frame; ok is false where there is none
// of the same run.
func (s *still) age(f *vision.Frame) (age time.Duration, ok bool) {
	if s.mat.Ptr() == nil || s.run != f.Run {
		return 0, false
	}
	return f.After(s.pts), true
}

func (s *still) size() image.Point { return image.Pt(s.mat.Cols(), s.mat.Rows()) }
