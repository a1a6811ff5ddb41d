// Package media owns everything the box keeps as files besides the journal:
// recordings, clips, snapshots, people's pictures and the tracks of drones, below the data
// directory, one folder per class.
//
//	recordings/{camera}/{day}/{from}-{length}.mp4   segments, times in ms; {from}.open.mp4 while written
//	spool/{camera}/…                                the same for cameras that do not record, while a clip grows
//	clips/{clip}/{part}.mp4 and *.json              written by package clip
//	snapshots/{2 digits}/{sha256}.jpg               content-addressed
//	pictures/{2 digits}/{sha256}.jpg                of people's reports; new/{person}/{sha256}.jpg until one names it
//	telemetry/{drone}/{day}.jsonl                   one report a second
//	positions/{person}/{day}.jsonl                  likewise
//
// # How data passes
//
// Package clip holds each camera and hands whole fragments (about one GOP, at
// most two seconds) to a Recorder, which appends them to a segment and syncs
// it: a power cut loses at most the fragment that was being written. A segment
// is a fragmented MP4 that any player opens; a box of ours before each
// fragment says when it was captured, in which run of camera and box, and
// carries checksums. A new segment begins at a key unit about every minute,
// and whenever the run, the parameters or the clock do not continue, so that
// within a segment time is one straight line.
//
// Sound stands with the pictures that it came with: a second track of the
// segment, AAC as it is, LPCM in FLAC's verbatim frames.
//
// Samples gives back what was recorded in an interval, as Sample: instants,
// and where the bytes lie. No picture is copied before somebody writes it out.
//
// # The index
//
// The index is in memory and made from the files at Open: the name of a
// finished segment says its interval, an unfinished one is read, cut behind
// its last whole fragment and finished. Nothing but the files is believed, so
// index and files cannot disagree.
//
// # Budgets
//
// Each class has a budget of bytes and an age. Beyond it the oldest goes,
// what headquarters already has first, what Options.Held protects never. Each
// eviction is reported with its reason. Below twice Options.MinFree of free
// space recordings are evicted too, and when that does not help nothing is
// recorded below MinFree: presses and alerts need the room. Forecast says when
// a class will have used its budget, and how long things will be kept then.
//
// # What it refuses, and how it fails
//
// It refuses to write a segment that does not begin with a key unit, and to
// record below MinFree (ErrDiskFull). A failed write ends the segment, which
// is kept up to its last whole fragment; the next fragment begins a new one. A
// file that cannot be read at Open is reported and left where it is, never
// deleted. Everything written whole (snapshots, clips) goes to a temporary
// file, is synced and renamed, and the folder is synced.
package media
