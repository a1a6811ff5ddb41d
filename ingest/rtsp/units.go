package rtsp

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Why an access unit makes no Unit.
var (
	errNoPicture = errors.New("access unit without a picture")
	errNoParams  = errors.New("no parameter sets yet")
	errNoKey     = errors.New("no key frame yet")
)

// Limits within which timestamps continue.
const (
	jumpMax = 2 * ingest.ClockRate // forward, beyond what has passed on the box's clock
	backMax = 1 * ingest.ClockRate // backward: reordered pictures stay well below
)

// role is what a NAL unit is to us.
type role int

const (
	roleOther   role = iota // stays in the Unit
	roleDrop                // delimiters, filler: nothing a decoder needs
	roleVPS                 // goes to Params
	roleSPS                 //
	rolePPS                 //
	rolePicture             // a slice
	roleKey                 // a slice of a random access picture
)

func roleH264(nal []byte) role {
	switch h264.NALUType(nal[0] & 0x1F) {
	case h264.NALUTypeAccessUnitDelimiter, h264.NALUTypeFillerData:
		return roleDrop
	case h264.NALUTypeSPS:
		return roleSPS
	case h264.NALUTypePPS:
		return rolePPS
	case h264.NALUTypeIDR:
		return roleKey
	case h264.NALUTypeNonIDR, h264.NALUTypeDataPartitionA:
		return rolePicture
	}
	return roleOther
}

func roleH265(nal []byte) role {
	switch typ := h265.NALUType(nal[0] >> 1 & 0x3F); {
	case typ == h265.NALUType_AUD_NUT, typ == h265.NALUType_FD_NUT:
		return roleDrop
	case typ == h265.NALUType_VPS_NUT:
		return roleVPS
	case typ == h265.NALUType_SPS_NUT:
		return roleSPS
	case typ == h265.NALUType_PPS_NUT:
		return rolePPS
	case typ >= h265.NALUType_BLA_W_LP && typ <= h265.NALUType_CRA_NUT:
		return roleKey
	case typ < h265.NALUType_VPS_NUT:
		return rolePicture
	}
	return roleOther
}

// extractor computes decoding times (mediacommon's h264 and h265).
type extractor interface {
	Extract(au [][]byte, pts int64) (int64, error)
}

// assembler turns access units as they come from RTP into Units. It lives as
// long as its camera and is used by one goroutine at a time.
type assembler struct {
	camera ingest.CameraID
	codec  ingest.Codec

	vps, sps, pps []byte         // newest
	learned       *ingest.Params // what they say; nil until all are known
	params        *ingest.Params // in force: those learned by the latest key unit

	run      uint32
	began    bool // a Unit of this session was made
	idr      bool // it came with instantaneous refresh: recovery points are no keys
	bridged  bool // a jump amid a group: PTS goes on by arrival until its end
	jumps    uint32
	base     int64
	lastRaw  int64
	lastMono time.Duration
	lastDTS  int64
	dts      extractor // nil until the first key unit of a Run
	pace     pace
	clock    clock
}

// session begins a new connection: timestamps do not continue. What the
// description says of parameter sets may be empty.
func (a *assembler) session(codec ingest.Codec, vps, sps, pps []byte) error {
	a.began, a.idr, a.pace = false, false, pace{}
	if codec != a.codec {
		a.codec, a.learned, a.params, a.vps, a.sps, a.pps = codec, nil, nil, nil, nil, nil
	}
	return a.learn(vps, sps, pps)
}

// learn takes parameter sets, of which some may be empty; a change makes new
// Params once all are known, which come into force with the next key unit.
// Sets that cannot be read change nothing.
func (a *assembler) learn(vps, sps, pps []byte) error {
	vps, sps, pps = newer(a.vps, vps), newer(a.sps, sps), newer(a.pps, pps)
	if bytes.Equal(vps, a.vps) && bytes.Equal(sps, a.sps) && bytes.Equal(pps, a.pps) {
		return nil
	}
	if sps == nil || pps == nil || a.codec == ingest.H265 && vps == nil {
		a.vps, a.sps, a.pps = vps, sps, pps
		return nil
	}
	p := &ingest.Params{Codec: a.codec, VPS: vps, SPS: sps, PPS: pps}
	if err := describe(p); err != nil {
		return fmt.Errorf("read sequence parameter set: %w", err)
	}
	a.vps, a.sps, a.pps, a.learned = vps, sps, pps, p
	return nil
}

// newer is now, as a copy, unless it is empty.
func newer(old, now []byte) []byte {
	if len(now) == 0 {
		return old
	}
	return bytes.Clone(now)
}

// describe fills in what the sequence parameter set says.
func describe(p *ingest.Params) error {
	var sps interface {
		Width() int
		Height() int
		FPS() float64
	}
	var err error
	if p.Codec == ingest.H265 {
		s := &h265.SPS{}
		sps, err = s, s.Unmarshal(p.SPS)
	} else {
		s := &h264.SPS{}
		sps, err = s, s.Unmarshal(p.SPS)
	}
	if err != nil {
		return err
	}
	p.Width, p.Height, p.FPS = sps.Width(), sps.Height(), sps.FPS()
	if p.Width <= 0 || p.Height <= 0 || math.IsNaN(p.FPS) || math.IsInf(p.FPS, 0) {
		return fmt.Errorf("picture of %d×%d at %v a second", p.Width, p.Height, p.FPS)
	}
	return nil
}

// unit makes the Unit of one access unit. raw is its presentation time in
// ticks, on the session's clock; mono is received on the monotonic clock.
// Where raw jumps a new Run begins with the next key unit; until then, so that
// nothing that can be decoded is lost, PTS goes on as pictures arrive.
func (a *assembler) unit(au [][]byte, raw int64, received time.Time, mono time.Duration, ntp time.Time) (*ingest.Unit, error) {
	nals, key, err := a.sort(au)
	if err != nil {
		return nil, err
	}
	if a.learned == nil {
		return nil, errNoParams
	}
	if key && a.params != a.learned {
		a.params, a.dts = a.learned, nil
	}
	if raw = a.pace.believe(raw, mono); a.pace.byArrival {
		ntp = time.Time{} // it goes with a time that is none
	}
	jumped := a.began && !a.continues(raw, mono)
	if jumped {
		a.jumps++
		a.pace.restart()
		ntp = time.Time{} // it dates the time before the jump
	}
	switch {
	case !a.began && !key:
		return nil, errNoKey // a Run begins where decoding can
	case !a.began, key && (jumped || a.bridged):
		a.run++
		a.base, a.dts, a.lastDTS, a.bridged = raw, nil, -1<<62, false
		a.clock.restart()
	case jumped:
		a.base, a.bridged = raw-a.lastRaw+a.base-max(1, a.passed(mono)), true
	}
	a.began, a.lastRaw, a.lastMono = true, raw, mono
	pts := raw - a.base
	dts := a.decodingTime(nals, key, pts)
	u := &ingest.Unit{
		Camera: a.camera, Params: a.params, Run: a.run, PTS: max(pts, dts), DTS: dts, Key: key,
		NALs: nals, Received: received,
	}
	for _, nal := range nals {
		u.Bytes += len(nal)
	}
	u.Captured, u.Uncertainty = a.clock.observe(received, mono, ticks(pts), ntp)
	return u, nil
}

// sort takes parameter sets out of an access unit, and what no decoder needs.
// A further picture parameter set (another id) stays: Params has room for one.
func (a *assembler) sort(au [][]byte) (nals [][]byte, key bool, err error) {
	if a.codec == ingest.MJPEG {
		return a.sortJPEG(au)
	}
	var vps, sps, pps []byte
	picture, recovers := false, false
	nals = make([][]byte, 0, len(au))
	for _, nal := range au {
		if len(nal) == 0 || a.codec == ingest.H265 && len(nal) < 2 {
			continue
		}
		r := roleH264(nal)
		if a.codec == ingest.H265 {
			r = roleH265(nal)
		}
		switch r {
		case roleDrop:
			continue
		case roleVPS:
			vps = nal
			continue
		case roleSPS:
			sps = nal
			continue
		case rolePPS:
			if pps == nil || bytes.Equal(pps, nal) {
				pps = nal
				continue
			}
		case roleKey:
			key, picture = true, true
		case rolePicture:
			picture = true
		case roleOther:
			recovers = recovers || a.codec == ingest.H264 && recoveryPoint(nal)
		}
		nals = append(nals, nal)
	}
	// A stream of which we have seen no IDR picture may never have one: then
	// its recovery points are where decoding can start.
	a.idr = a.idr || key
	key = key || recovers && picture && !a.idr
	if picture && !key && pps != nil && !bytes.Equal(pps, a.pps) {
		nals, pps = slices.Insert(nals, 0, pps), nil // for this picture, not for those after the next key
	}
	if err := a.learn(vps, sps, pps); err != nil {
		return nil, false, err
	}
	if !picture {
		return nil, false, errNoPicture
	}
	return nals, key, nil
}

// continues tells whether raw follows the last unit on the same clock. A gap
// that has also passed on the box's clock is a gap, not a jump.
func (a *assembler) continues(raw int64, mono time.Duration) bool {
	step := raw - a.lastRaw
	return step >= -backMax && (step <= jumpMax || step-a.passed(mono) <= jumpMax)
}

// passed is the time on the box's clock since the last unit, in ticks.
func (a *assembler) passed(mono time.Duration) int64 {
	return int64((mono - a.lastMono).Seconds() * ingest.ClockRate)
}

// decodingTime is strictly rising within a Run. Where the order of pictures
// cannot be told it is the presentation time, which is right without B-frames.
func (a *assembler) decodingTime(nals [][]byte, key bool, pts int64) int64 {
	dts := pts
	if key && a.dts == nil && a.codec != ingest.MJPEG {
		a.dts = newExtractor(a.codec)
	}
	if a.dts != nil {
		au := nals
		if key {
			au = make([][]byte, 0, len(nals)+3)
			if a.codec == ingest.H265 {
				au = append(au, a.vps)
			}
			au = append(append(au, a.sps, a.pps), nals...)
		}
		if t, err := a.dts.Extract(au, pts); err == nil {
			dts = t
		}
	}
	dts = max(dts, a.lastDTS+1)
	a.lastDTS = dts
	return dts
}

func newExtractor(codec ingest.Codec) extractor {
	if codec == ingest.H265 {
		e := &h265.DTSExtractor{}
		e.Initialize()
		return e
	}
	e := &h264.DTSExtractor{}
	e.Initialize()
	return e
}

// ticks turns ticks of the RTP clock into time.
func ticks(n int64) time.Duration { return span(n, ingest.ClockRate) }

// span is how long n ticks of a clock of that rate last.
func span(n, rate int64) time.Duration {
	return time.Duration(rescale(n, rate, int64(time.Second)))
}

// rescale turns n ticks of one rate into ticks of another, without overflow.
func rescale(n, from, to int64) int64 { return n/from*to + n%from*to/from }
