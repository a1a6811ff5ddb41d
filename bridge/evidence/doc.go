// Package evidence owns the bundle in which an incident leaves the box for a
// file or a court: clips, stills, the journal's events with their chain,
// receipts, clocks and custody in one zip, a manifest that names the SHA-256
// of every file and of every group of pictures, and the signature of the box
// under it. And it owns the proof: Verify needs the bundle and a public key
// and nothing else.
//
// It refuses to cut or mask video, to decide what belongs to an incident or
// who may export: a Case comes with all of that done. It never copies a file into
// memory. Write stops at the first error, and what was written until then is
// not a bundle; a file that is no longer kept is listed as missing instead.
// Verify takes every byte of a bundle for hostile: it unpacks nothing to disk,
// bounds what it reads, and says what is wrong as a Problem; its error means
// that the bundle could not be read at all.
//
// The format is described for people in README.md.
package evidence

// Format is the version of what Write makes and Verify reads.
const Format = "watchpost-evidence/1"

// Names in a bundle.
const (
	howtoName    = "HOW-TO-CHECK.txt"
	eventsName   = "journal/events.jsonl"
	chainName    = "journal/chain.jsonl"
	receiptsName = "receipts.json"
	clocksName   = "clocks.json"
	custodyName  = "custody.json"
	sumsName     = "SHA256SUMS"
	manifestName = "manifest.json"
	sigName      = "manifest.sig"
	keyName      = "key.pem"
)

// Limits. Write keeps them, so that Verify may refuse what is beyond them.
const (
	filesMax         = 10_000
	eventsMax        = 2_000_000
	laneRunsMax      = 4096      // epochs times lanes
	announcedMax     = 100_000   // clips that the journal tells of
	leavesMax        = 60_000    // stretches of clips with a hash of their own: 16 h of seconds
	manifestBytesMax = 24 << 20  // 400 bytes for each of them
	smallBytesMax    = 64 << 10  // key, signature
	fileBytesMax     = 64 << 30  // one file
	bundleBytesMax   = 512 << 30 // all files
	directoryMax     = 8 << 20   // bytes of the zip's directory
	inflateMax       = 200       // a compressed file is at most this much larger unpacked
	inflateFreeBytes = 1 << 20   // and below this nobody minds
	problemsMax      = 200
	copyBytes        = 256 << 10
	moovBytesMax     = 64 << 20
	samplesMax       = 2_000_000 // 22 h at 25 pictures a second
)

// A leaf of the manifest must fit the share that its limit leaves it.
const _ = uint(manifestBytesMax - 400*leavesMax)
