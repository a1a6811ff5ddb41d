package rtsp

import (
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// When RTP time is no time.
const (
	frozenAfter = time.Second      // of pictures that all carry one timestamp
	paceWindow  = 30 * time.Second // over which its rate is looked at; no stall lasts half as long
	paceOff     = 2                // times too fast or too slow
)

// pace watches whether a camera's RTP time goes as time does. Some cameras
// leave it standing, or count in another unit: their pictures are dated by
// their arrival then, until the session ends.
type pace struct {
	byArrival bool

	begun bool
	raw   int64         // at the beginning of the window
	mono  time.Duration //
	last  int64
	moved time.Duration // when raw last changed
}

// restart forgets all but the verdict: RTP time has jumped.
func (p *pace) restart() { p.begun = false }

// believe is raw, or the arrival in its place.
func (p *pace) believe(raw int64, mono time.Duration) int64 {
	if !p.byArrival {
		p.byArrival = p.wrong(raw, mono)
	}
	if p.byArrival {
		return rescale(int64(mono), int64(time.Second), ingest.ClockRate)
	}
	return raw
}

func (p *pace) wrong(raw int64, mono time.Duration) bool {
	if !p.begun {
		*p = pace{begun: true, raw: raw, mono: mono, last: raw, moved: mono}
	}
	if raw != p.last {
		p.last, p.moved = raw, mono
	}
	if mono-p.moved >= frozenAfter {
		return true
	}
	passed := mono - p.mono
	if passed < paceWindow {
		return false
	}
	own := ticks(raw - p.raw)
	p.raw, p.mono = raw, mono
	return own < passed/paceOff || own > passed*paceOff
}
