package camera

import (
	"context"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
)

// player sends one camera's frames at their time.
type player struct {
	camera *Camera
	enc    *rtph264.Encoder
	base   uint32    // RTP timestamp of the first frame, random (RFC 3550, section 5.1)
	start  time.Time // when the first frame was due
	report reporter
}

func (c *Camera) play(ctx context.Context) error {
	h264 := c.stream.Desc.Medias[0].Formats[0].(*format.H264)
	enc, err := h264.CreateEncoder()
	if err != nil {
		return fmt.Errorf("create encoder: %w", err)
	}
	p := &player{camera: c, enc: enc, base: c.fault.Uint32(), start: time.Now()}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for loop := 0; ; loop++ {
		for i := range c.conf.Footage.Frames {
			if err := p.wait(ctx, timer, loop, i); err != nil {
				return nil //nolint:nilerr // the end of ctx is how playing ends
			}
			if err := p.send(loop, i); err != nil {
				return err
			}
		}
	}
}

// units is the place of a frame on the endless time line, in footage units.
func (p *player) units(loop, i int) int64 {
	f := p.camera.conf.Footage
	return int64(loop)*f.Duration + f.Frames[i].Start
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
	if c.fault.CloseSession() {
		c.port.Disconnect()
	}
	packets, err := p.enc.Encode(c.conf.Footage.Frames[i].NALUs)
	if err != nil {
		return fmt.Errorf("packetize frame %d: %w", i, err)
	}
	timestamp := p.base + uint32(p.units(loop, i)*clockRate/c.conf.Footage.TimeScale)
	silent, ntp := c.fault.Silent(), p.due(loop, i)
	p.note(loop, i)
	for _, packet := range packets {
		if silent || c.fault.DropPacket() {
			continue
		}
		packet.Timestamp = timestamp
		if err := c.stream.WritePacketRTPWithNTP(c.stream.Desc.Medias[0], packet, ntp); err != nil {
			return fmt.Errorf("send frame %d: %w", i, err)
		}
		if report := p.report.sent(packet, ntp); report != nil {
			if err := c.stream.WritePacketRTCP(c.stream.Desc.Medias[0], report); err != nil {
				return fmt.Errorf("send report with frame %d: %w", i, err)
			}
		}
	}
	return nil
}

func (p *player) note(loop, i int) {
	now := stamp(time.Now())
	c := p.camera
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Loop, c.state.Frame, c.state.FrameAt = loop, i, now
	if i == 0 {
		c.state.LoopStarted = now
		if loop > 0 {
			c.state.LastWrap = now
		}
	}
}
