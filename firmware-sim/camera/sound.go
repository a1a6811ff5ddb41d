package camera

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/g711"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// Sound is what a camera's microphone hears, again and again.
type Sound struct {
	format  format.Format
	rate    int      // samples a second
	samples int      // in one stretch
	loop    [][]byte // stretches as they are sent
}

// LoadSound is a beep every second as G.711 (pcma, pcmu), or an .aac file
// (ADTS).
func LoadSound(name string) (*Sound, error) {
	switch strings.ToLower(name) {
	case "pcma", "pcmu":
		return beep(strings.EqualFold(name, "pcmu"))
	}
	if !strings.EqualFold(filepath.Ext(name), ".aac") {
		return nil, fmt.Errorf("load sound %q: want pcma, pcmu or an .aac file", name)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("load sound: %w", err)
	}
	var packets mpeg4audio.ADTSPackets
	if err := packets.Unmarshal(raw); err != nil {
		return nil, fmt.Errorf("load sound %s: %w", name, err)
	}
	first := packets[0]
	s := &Sound{rate: first.SampleRate, samples: mpeg4audio.SamplesPerAccessUnit, format: &format.MPEG4Audio{
		PayloadTyp: soundType, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
		Config: &mpeg4audio.AudioSpecificConfig{Type: first.Type, SampleRate: first.SampleRate, ChannelCount: first.ChannelCount},
	}}
	for _, p := range packets {
		s.loop = append(s.loop, p.AU)
	}
	return s, nil
}

// beep is one second: a tenth of 880 Hz, then nothing.
func beep(mulaw bool) (*Sound, error) {
	const rate, stretch = 8000, 160 // 20 ms, as RFC 3551, section 4.2 has it
	pcm := make([]byte, 2*rate)
	for i := range rate / 10 {
		v := int16(8000 * math.Sin(2*math.Pi*880*float64(i)/rate))
		binary.BigEndian.PutUint16(pcm[2*i:], uint16(v))
	}
	f := &format.G711{PayloadTyp: 8, SampleRate: rate, ChannelCount: 1}
	encode := g711.Alaw(pcm).Marshal
	if mulaw {
		f.PayloadTyp, f.MULaw = 0, true
		encode = g711.Mulaw(pcm).Marshal
	}
	all, err := encode()
	if err != nil {
		return nil, fmt.Errorf("make beep: %w", err)
	}
	s := &Sound{format: f, rate: rate, samples: stretch}
	for i := 0; i < len(all); i += stretch {
		s.loop = append(s.loop, all[i:i+stretch])
	}
	return s, nil
}

// speak sends the sound at its time, on the pictures' clock.
func (c *Camera) speak(ctx context.Context, start time.Time) error {
	s := c.conf.Sound
	media := c.stream.Desc.Medias[1]
	pack, err := newPacker(media.Formats[0])
	if err != nil {
		return err
	}
	base := c.fault.Uint32()
	var report reporter
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; ; n++ {
		at := int64(n) * int64(s.samples)
		due := start.Add(time.Duration(at/int64(s.rate))*time.Second + time.Duration(at%int64(s.rate))*time.Second/time.Duration(s.rate))
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		packets, err := pack([][]byte{s.loop[n%len(s.loop)]})
		if err != nil {
			return fmt.Errorf("packetize sound %d: %w", n, err)
		}
		now := c.fault.Now()
		for _, packet := range packets {
			if now.Silent || c.fault.DropPacket() {
				continue
			}
			packet.Timestamp = base + uint32(at)
			c.fault.CorruptPacket(packet.Payload)
			if err := c.stream.WritePacketRTPWithNTP(media, packet, due); err != nil {
				return fmt.Errorf("send sound %d: %w", n, err)
			}
			if sr := report.sent(packet, due, now, c.fault.Uint32); sr != nil {
				if err := c.stream.WritePacketRTCP(media, sr); err != nil {
					return fmt.Errorf("send report with sound %d: %w", n, err)
				}
			}
		}
	}
}
