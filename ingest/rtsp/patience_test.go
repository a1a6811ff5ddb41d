package rtsp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSomeAttemptsArePatient(t *testing.T) {
	var patient []int
	odd, even := 0, 0
	for n := 1; n <= 40; n++ {
		if limitsOf(n).answer > answerWithin {
			patient = append(patient, n)
			odd, even = odd+n%2, even+1-n%2
		}
	}
	require.Equal(t, []int{8, 13, 18, 23, 28, 33, 38}, patient)
	require.NotZero(t, odd*even, "auto takes turns with the transports: each has patient attempts")
}

// A camera that stretches its groups of pictures and begins a session amid one
// must not be hung up on for ever before its key picture comes.
func TestWaitForAKeyPictureGrows(t *testing.T) {
	s := New(Config{Camera: "gate"})
	for _, seconds := range []int{8, 16, 32, 64, 64} {
		one := &session{source: s}
		require.Equal(t, stalledAfter, one.pictureWithin(), "nothing that is a picture comes")
		one.keyless.Store(true)
		require.EqualValues(t, seconds, one.pictureWithin().Seconds())
		one.stalled.Store(true)
		one.learn()
	}
	slow := &session{source: s}
	slow.keyless.Store(true)
	slow.began.Store(true)
	require.Equal(t, stalledAfter, slow.pictureWithin(), "it has come")
	slow.learn()
	require.Equal(t, waitsMax, s.waits, "the next session has to wait as long")
	quick := &session{source: s}
	quick.began.Store(true)
	quick.learn()
	require.Zero(t, s.waits)
}
