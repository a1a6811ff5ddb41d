package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/ingest/rtsp"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
)

// streamUnits is how many units of a stream may wait: 20 s at 25 pictures a
// second. A stream that comes faster than it is analysed loses, counted.
const streamUnits = 500

// footage is where an analysis reads: a file, or one session of a stream.
type footage struct {
	reader *avcodec.Reader // nil: a stream
	stream *feed.Reader[*ingest.Unit]
	stop   func()
	err    error // of the source; read after it has ended
	ended  chan struct{}
}

func (a *analysis) open(ctx context.Context, cam *config.Camera, start time.Time, log *slog.Logger) (*footage, error) {
	f := &footage{ended: make(chan struct{})}
	if !strings.Contains(a.video, "://") {
		close(f.ended)
		var err error
		f.reader, err = avcodec.OpenFile(a.video, ingest.CameraID(cam.ID), start)
		return f, err
	}
	units := feed.New[*ingest.Unit]()
	f.stream = units.Subscribe(streamUnits, func(u *ingest.Unit) bool { return u.Key })
	source := rtsp.New(rtsp.Config{
		Camera: ingest.CameraID(cam.ID), URL: a.video, Username: cam.Username, Password: cam.Password,
		Transport: cam.Transport, Logger: log, Deliver: units.Publish,
	})
	ctx, f.stop = context.WithCancel(ctx)
	go func() {
		defer close(f.ended)
		f.err = source.Run(ctx)
		if source.Stats().Units > 0 {
			f.err = nil // it was there, and it ended
		}
		units.Close()
	}()
	return f, nil
}

// decoder of what is read.
func (f *footage) decoder() *avcodec.Decoder {
	if f.reader != nil {
		return f.reader.Decoder()
	}
	return avcodec.New(avcodec.Options{})
}

// Next implements vision.Units.
func (f *footage) Next(ctx context.Context) (*ingest.Unit, error) {
	if f.reader == nil {
		return f.stream.Next(ctx)
	}
	u, err := f.reader.Next(ctx)
	if errors.Is(err, io.EOF) {
		err = feed.ErrClosed
	}
	return u, err
}

// Dropped implements vision.Units.
func (f *footage) Dropped() uint64 {
	if f.reader == nil {
		return f.stream.Dropped()
	}
	return 0
}

// Frames is how many pictures are to come; 0 when nobody knows.
func (f *footage) Frames() int {
	if f.reader == nil {
		return 0
	}
	return f.reader.Frames()
}

// Err is why a stream gave nothing.
func (f *footage) Err() error {
	if f.reader == nil {
		f.stop()
	}
	<-f.ended
	return f.err
}

func (f *footage) Close() {
	if f.reader != nil {
		f.reader.Close()
		return
	}
	f.stop()
	<-f.ended
	f.stream.Close()
}
