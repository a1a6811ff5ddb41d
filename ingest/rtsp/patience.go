package rtsp

import "time"

// Time limits of a session. A camera that answers nothing is given up after
// silentAfter, so that Keep's pace finds it again within 2 s of its return.
const (
	dialWithin    = time.Second
	answerWithin  = 1400 * time.Millisecond // for the first answer: with it a silent camera is tried every 1.5 s
	silentAfter   = 3 * time.Second
	stalledAfter  = 8 * time.Second // packets, but no picture; below the steady of Keep's pace
	writeWithin   = time.Second
	goodbyeWithin = 500 * time.Millisecond
	refusedWait   = time.Minute
)

// Limits of a patient session: a proxy wakes a camera of its own before it
// answers, an old processor takes seconds for a handshake, a link is full. Such
// a camera must come up some time, and one that is gone must not be waited for:
// the eighth attempt without a picture is patient, and every fifth after it
// (odd, because Auto may change the transport with each).
const (
	patientFrom  = 8
	patientEvery = 5

	patientDial   = 4 * time.Second
	patientAnswer = 6 * time.Second
	patientSilent = 8 * time.Second
)

// waitsMax bounds how often a wait for the first key picture doubles: 64 s, and
// cameras that stretch their groups of pictures stop at 1,200 pictures.
const waitsMax = 3

// limits are those of one session.
type limits struct{ dial, answer, silent time.Duration }

// limitsOf the attempt of that number since the latest picture, from 1.
func limitsOf(attempt int) limits {
	if attempt >= patientFrom && (attempt-patientFrom)%patientEvery == 0 {
		return limits{patientDial, patientAnswer, patientSilent}
	}
	return limits{dialWithin, answerWithin, silentAfter}
}

// pictureWithin is how long a session may go without a picture. A new session
// brings most cameras to a key picture; where it has not, the next one waits
// twice as long for it.
func (one *session) pictureWithin() time.Duration {
	if !one.keyless.Load() || one.began.Load() {
		return stalledAfter
	}
	one.source.mu.Lock()
	defer one.source.mu.Unlock()
	return stalledAfter << one.source.waits
}

// learn remembers how long this camera's first key picture takes.
func (one *session) learn() {
	one.source.mu.Lock()
	defer one.source.mu.Unlock()
	switch {
	case one.keyless.Load() && !one.began.Load() && one.stalled.Load():
		one.source.waits = min(one.source.waits+1, waitsMax)
	case one.began.Load() && !one.keyless.Load():
		one.source.waits = 0
	}
}
