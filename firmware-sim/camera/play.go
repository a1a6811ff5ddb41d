package camera

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pion/rtp"
)

// wrapAhead is how long before the wrap of its timestamps the camera begins.
const wrapAhead = 2 * clockRate

// player sends one camera's frames at their time.
type player struct {
	camera  *Camera
	pack    packer
	base    uint32    // RTP timestamp of the first frame, random (RFC 3550, section 5.1)
	start   time.Time // when the first frame was due
	skipped int64     // footage left out since, in its units
	other   bool      // plays the other size
	held    *rtp.Packet
	report  reporter
}

func (c *Camera) play(ctx context.Context, start time.Time) error {
	pack, err := newPacker(c.stream.Desc.Medias[0].Formats[0])
	if err != nil {
		return fmt.Errorf("create encoder: %w", err)
	}
	p := &player{camera: c, pack: pack, base: c.fault.Uint32(), start: start}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for loop := 0; ; loop++ {
		for i := 0; i < len(c.conf.Footage.Frames); i++ {
			if i = p.skip(i); i == len(c.conf.Footage.Frames) {
				break
			}
			if err := p.wait(ctx, timer, loop, i); err != nil {
				return nil //nolint:nilerr // the end of ctx is how playing ends
			}
			if err := p.send(loop, i); err != nil {
				return err
			}
		}
	}
}

// skip is the frame to go on with: the next key frame if a reader asked for
// one, which may be the first of the next loop. Time goes on without a hole.
func (p *player) skip(i int) int {
	c := p.camera
	c.mu.Lock()
	asked := c.asked
	c.asked = false
	c.mu.Unlock()
	film := c.conf.Footage
	if !asked {
		return i
	}
	ahead := slices.IndexFunc(film.Frames[i:], func(f Frame) bool { return f.Key })
	if ahead < 0 {
		p.skipped += film.Duration - film.Frames[i].Start
		return len(film.Frames)
	}
	p.skipped += film.Frames[i+ahead].Start - film.Frames[i].Start
	return i + ahead
}

// units is the place of a frame on the endless time line, in footage units.
func (p *player) units(loop, i int) int64 {
	f := p.camera.conf.Footage
	return int64(loop)*f.Duration + f.Frames[i].Start - p.skipped
}

// due is when the frame leaves a healthy camera.
func (p *player) due(loop, i int) time.Time {
	units, scale := p.units(loop, i), p.camera.conf.Footage.TimeScale
	return p.start.Add(time.Duration(units/scale)*time.Second + time.Duration(units%scale)*time.Second/time.Duration(scale))
}

func (p *player) wait(ctx context.Context, timer *time.Timer, loop, i int) error {
	timer.Reset(time.Until(p.due(loop, i)) + p.camera.fault.FrameDelay())
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (p *player) send(loop, i int) error {
	c := p.camera
	now := c.fault.Now()
	at := uint32(p.units(loop, i) * clockRate / c.conf.Footage.TimeScale)
	if c.fault.Begun() && now.Hangup {
		if now.Wraps {
			p.base = -at - wrapAhead
		}
		c.port.Disconnect()
	}
	if c.fault.CloseSession() {
		c.port.Disconnect()
	}
	p.base += c.fault.Jump(clockRate)
	frame := p.frame(i, now.Resizes)
	packets, err := p.pack(frame.NALUs)
	if err != nil {
		return fmt.Errorf("packetize frame %d: %w", i, err)
	}
	ntp := p.due(loop, i)
	p.note(loop, i)
	for _, packet := range packets {
		if now.Silent || now.Keyless && frame.Key || c.fault.DropPacket() {
			continue
		}
		packet.Timestamp = p.base + at
		if now.Freezes {
			packet.Timestamp = p.base
		}
		if now.CorruptPacket > 0 {
			packet.Payload = slices.Clone(packet.Payload) // it may be the footage itself
			c.fault.CorruptPacket(packet.Payload)
		}
		if err := p.write(packet, ntp); err != nil {
			return fmt.Errorf("send frame %d: %w", i, err)
		}
		if report := p.report.sent(packet, ntp, now, c.fault.Uint32); report != nil {
			if err := c.stream.WritePacketRTCP(c.stream.Desc.Medias[0], report); err != nil {
				return fmt.Errorf("send report with frame %d: %w", i, err)
			}
		}
	}
	return nil
}

// frame is what is shown: of the other size while the picture is resized. A
// change waits for a key frame.
func (p *player) frame(i int, resized bool) *Frame {
	conf := &p.camera.conf
	if conf.Footage.Frames[i].Key {
		p.other = resized && conf.Other != nil
	}
	if p.other {
		return &conf.Other.Frames[i]
	}
	return &conf.Footage.Frames[i]
}

// write sends a packet, or keeps it until the one behind it has left.
func (p *player) write(packet *rtp.Packet, ntp time.Time) error {
	c := p.camera
	if p.held == nil && c.fault.SwapPacket() {
		p.held = packet
		return nil
	}
	media := c.stream.Desc.Medias[0]
	if err := c.stream.WritePacketRTPWithNTP(media, packet, ntp); err != nil {
		return err
	}
	held := p.held
	if p.held = nil; held == nil {
		return nil
	}
	return c.stream.WritePacketRTPWithNTP(media, held, ntp)
}

func (p *player) note(loop, i int) {
	now := stamp(time.Now())
	c := p.camera
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Loop, c.state.Frame, c.state.FrameAt = loop, i, now
	c.state.Made++
	if i == 0 {
		c.state.LoopStarted = now
		if loop > 0 {
			c.state.LastWrap = now
		}
	}
}
