package bmff_test

import (
	"bytes"
	"testing"

	amp4 "github.com/abema/go-mp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/media/bmff"
)

func TestBoxesNest(t *testing.T) {
	var w bmff.Buffer
	w.Start("moov")
	w.StartFull("mvhd", 1, 0x030201)
	w.U64(7)
	w.End()
	w.End()
	require.Equal(t, []byte{0, 0, 0, 28, 'm', 'o', 'o', 'v', 0, 0, 0, 20, 'm', 'v', 'h', 'd', 1, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 7}, w.Bytes())
}

func TestSampleEntryIsTheOneOfTheHead(t *testing.T) {
	codec := &mp4.CodecMJPEG{Width: 640, Height: 480}
	entry, err := bmff.SampleEntry(codec)
	require.NoError(t, err)
	require.Equal(t, "mp4v", string(entry[4:8]))
	init, err := bmff.Init(codec, 90000)
	require.NoError(t, err)
	require.True(t, bytes.Contains(init, entry))
	boxes, err := amp4.ExtractBox(bytes.NewReader(init), nil, amp4.BoxPath{amp4.BoxTypeMoov(), amp4.BoxTypeTrak()})
	require.NoError(t, err)
	require.Len(t, boxes, 1)
}

func TestNoCodecNoHead(t *testing.T) {
	_, err := bmff.SampleEntry(&mp4.CodecH264{SPS: []byte{1}, PPS: []byte{1}})
	require.Error(t, err)
}
