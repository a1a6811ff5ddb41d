// Package clip holds the station's cameras and cuts the recording of an alert
// out of what they send, without re-encoding. It owns the pre-roll of every
// camera, decides what is recorded, and owns the clips: what was asked for,
// how far each one is, and their files below clips/ (package media).
//
// # How data passes
//
//	feed ──► Hold: Ring ──► writer ──► media.Recorder (recordings, or spool)
//	                │                        │
//	 Want ──► clip ─┴── order, plan, Movie ──┴──► 1.mp4, whole.mp4 ──► Ready
//
// Hold keeps the newest units of a camera in a Ring: whole GOPs, bounded in
// seconds and in bytes, shared and never copied. One writer per camera takes
// fragments of about a second from the ring to disk; a slow disk makes it fall
// behind in the ring, not the camera. A camera that is recorded continuously
// always writes; one that is recorded with incidents writes while a clip
// grows; one that is off writes a spool while a clip grows, which is cleared
// afterwards.
//
// Want asks for the time around an alert. The wish is on disk (clip.json)
// before Want returns. Part 1, from the pre-roll to the alert, is sealed as
// soon as the alert's own pictures are there, and never changes. Then the clip
// grows: an alert before its post-roll is over extends it, a later one begins
// the next number. When the last picture is there the whole is made from part
// 1 (which has what the ring had), the segments on disk and the ring: what
// several of them have counts once. Ready is told of both, again and again
// until it returns nil. Part 1 is deleted when the whole was told and its own
// upload has ended.
//
// # What a cut is
//
// An ordinary MP4, moov first, samples copied. It begins with the key unit at
// or before the wanted start; an edit list hides what stands before it, so
// that the first picture presented is the one that stood at that instant, and
// From says when that was, to the tick. Movie and media count in the same
// ticks of 90 kHz: the length is exact. Time runs by the camera's clock within
// a run, and by when pictures were captured from run to run. Where pictures
// are missing (camera silent, units dropped, reconnected, box down) the
// picture before stands still, so that the clip's time stays wall time, and
// Gaps says from when to when and why. After a loss a clip goes on at a key
// unit. A change of parameters is another sample entry in the same file;
// where the codec changed, players show what most of the clip is in, and Gaps
// names the rest.
// Sound, where the camera's is recorded, is a second track: AAC as it came,
// LPCM as FLAC (package media says why), without a pause, since players take
// no other in step: where none was sent it is silent.
//
// Interval does the same for any time, as a Movie: a file that does not exist,
// which can be read and sought like one.
//
// # What it refuses, and how it fails
//
// It makes no clip out of nothing: with no picture held, Empty says why. A
// wish without incident, camera, alert or time is refused; an interval that
// ends before it begins, lies in the future or is longer than an hour too. A
// clip is never longer than 15 minutes: an alert beyond that begins the next.
//
// After kill -9 the next Open finds every wish in clip.json, and Run goes on
// where each clip was: a part counts when clip.json says that it is sealed,
// which is written after its file. What the ring alone had, at most the second
// before the last fragment, is a gap; a clip whose post-roll passed meanwhile
// is made at once. A disk that refuses is tried again every two seconds. Times
// are awaited on the monotonic clock: a step of the wall clock makes no clip
// longer.
//
// It does not know masks: a camera with masks must be fed with its masked
// rendition. What the camera itself sends is held beside it as a camera of
// another name (station's sealed originals).
package clip
