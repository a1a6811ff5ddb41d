// Package blind keeps account of what a camera did not see: for each camera
// and each kind (unseen, unrecorded, unanalysed) it turns "this stretch is
// covered" and "nothing has come" into blind intervals, from when to when and
// why. What is covered and what is told as blind make up all of the time since
// the camera was there, to the millisecond.
//
// # Time
//
// All times are the box's wall clock in whole milliseconds, as events and the
// names of segments are. A pause of at most Join is none. Over a stop of the
// box the interval begins where the last cover ended, which the caller has
// kept (Resume), and not where the box began again.
//
// When the box's clock is set forward, the hour that never was is told as
// blind, with Clock as its cause: the day still adds up. When it is set back,
// an open interval is closed by the old clock and opened again by the new one,
// and what is covered twice is no gap: no interval is negative, and the sum is
// the time that was lived.
//
// # What it refuses, and how it fails
//
// It does no I/O and holds what it has to tell until it is taken. More than
// pendingMax untold intervals of a track become one that contains them: too
// much is told as blind, never too little.
package blind
