package detect

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

func TestCellsOfTheHead(t *testing.T) {
	require.Equal(t, 3549, cells(416))
	require.Equal(t, 8400, cells(640))
}

func TestLetterboxKeepsTheShapeAndEvenSizes(t *testing.T) {
	require.Equal(t, letterbox{416, 416, 312}, fitLetterbox(768, 576, 416))
	require.Equal(t, letterbox{416, 416, 234}, fitLetterbox(1920, 1080, 416))
	require.Equal(t, letterbox{416, 234, 416}, fitLetterbox(1080, 1920, 416))
	require.Equal(t, letterbox{416, 416, 2}, fitLetterbox(4000, 3, 416))
}

func TestDecodeYOLOXPutsTheBoxWhereTheCellSays(t *testing.T) {
	rows := make([]float32, cells(416)*(headBox+cocoClasses))
	// Stride 16 comes after the 52×52 cells of stride 8; its grid is 26 wide.
	at := (52*52 + 10*26 + 5) * (headBox + cocoClasses)
	copy(rows[at:], []float32{0.5, 0.25, 0.6931472, 1.3862944, 0.9}) // log 2, log 4
	rows[at+headBox] = 0.8                                           // person
	rows[at+headBox+26] = 0.95                                       // handbag: not ours
	coco, err := headOf(nil, 0, 0)
	require.NoError(t, err)
	got := decodeYOLOX(rows, letterbox{416, 416, 312}, coco, 0.3)
	require.Len(t, got, 1)
	require.Equal(t, vision.Person, got[0].Class)
	require.InDelta(t, 0.72, got[0].Score, 1e-6)
	// Centre (5.5, 10.25)·16 = (88, 164), size 32×64.
	require.InDelta(t, (88-16)/416., got[0].Box.X, 1e-6)
	require.InDelta(t, (164-32)/312., got[0].Box.Y, 1e-6)
	require.InDelta(t, 32/416., got[0].Box.W, 1e-6)
	require.InDelta(t, 64/312., got[0].Box.H, 1e-6)
	require.Empty(t, decodeYOLOX(rows, letterbox{416, 416, 312}, coco, 0.73))
}

func TestSuppressKeepsTheBestOfEachClass(t *testing.T) {
	box := vision.Box{X: 0.1, Y: 0.1, W: 0.2, H: 0.2}
	near, far := box, box
	near.X, far.X = 0.11, 0.5
	got := suppress([]vision.Detection{
		{Class: vision.Person, Score: 0.5, Box: near},
		{Class: vision.Person, Score: 0.9, Box: box},
		{Class: vision.Car, Score: 0.4, Box: near},
		{Class: vision.Person, Score: 0.3, Box: far},
	}, nmsOverlap)
	require.Len(t, got, 3)
	for i, want := range []vision.Detection{
		{Class: vision.Person, Score: 0.9, Box: vision.Box{X: (0.81*0.1 + 0.25*0.11) / (0.81 + 0.25), Y: 0.1, W: 0.2, H: 0.2}}, // where both say
		{Class: vision.Car, Score: 0.4, Box: near},
		{Class: vision.Person, Score: 0.3, Box: far},
	} {
		require.Equal(t, want.Class, got[i].Class)
		require.Equal(t, want.Score, got[i].Score)
		require.InDelta(t, 1, vision.IoU(want.Box, got[i].Box), 1e-9)
	}
}

func TestFillInputPadsWith114(t *testing.T) {
	box := letterbox{side: 4, width: 2, height: 2}
	in := make([]float32, 3*16)
	fillInput(in, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, box)
	require.Equal(t, []float32{1, 4, 114, 114, 7, 10, 114, 114}, in[:8])
	require.Equal(t, []float32{2, 5, 114, 114}, in[16:20])
	require.Equal(t, []float32{3, 6, 114, 114}, in[32:36])
	require.Equal(t, float32(114), in[47])
}

// message builds protobuf: field number, then bytes.
func message(parts ...any) []byte {
	var out []byte
	for i := 0; i < len(parts); i += 2 {
		val, ok := parts[i+1].([]byte)
		if !ok {
			val = []byte(parts[i+1].(string))
		}
		out = append(out, byte(parts[i].(int)<<3|2), byte(len(val)))
		out = append(out, val...)
	}
	return out
}

func valueInfo(name string, dims ...byte) []byte {
	var shape []byte
	for _, d := range dims {
		shape = append(shape, message(1, []byte{1 << 3, d})...)
	}
	return message(1, name, 2, message(1, message(2, shape)))
}

func TestWrongModelsAreRefusedWithWhatWasExpected(t *testing.T) {
	for name, c := range map[string]struct {
		model []byte
		want  string
	}{
		"text":        {[]byte("this is no model"), "not an ONNX model"},
		"empty":       {nil, "no graph"},
		"two inputs":  {message(7, message(11, valueInfo("a", 1), 11, valueInfo("b", 1), 12, valueInfo("c", 1))), "2 inputs and 1 outputs; want one input 1×3×S×S"},
		"input shape": {message(7, message(11, valueInfo("images", 1, 1, 28, 28), 12, valueInfo("c", 1))), "input images is [1 1 28 28]; want"},
		"output shape": {message(7, message(11, valueInfo("images", 1, 3, 64, 64), 12, valueInfo("output", 1, 84, 6))),
			"output output is [1 84 6]; want one input 1×3×S×S (S a multiple of 32) and one output 1×N×85 (80 classes) with N cells of strides 8, 16 and 32: [1 84 85]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := checkModel(c.model, cocoClasses)
			require.ErrorContains(t, err, c.want)
		})
	}
	shape, err := checkModel(message(7, message(5, message(8, "w"), 11, valueInfo("images", 1, 3, 64, 64), 11, valueInfo("w", 5), 12, valueInfo("output", 1, 84, 85))), cocoClasses)
	require.NoError(t, err)
	require.Equal(t, modelShape{"images", "output", 64, 80}, shape)
}

func TestTheSharedModelIsTaken(t *testing.T) {
	path := footage.Shared("models", "yolox_nano.onnx")
	if path == "" {
		t.Log("no shared model here: nothing more to check")
		return
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	shape, err := checkModel(data, cocoClasses)
	require.NoError(t, err)
	require.Equal(t, modelShape{"images", "output", 416, 80}, shape)
}

func FuzzCheckModel(f *testing.F) {
	f.Add([]byte("this is no model"))
	f.Add(message(7, message(11, valueInfo("images", 1, 3, 64, 64), 12, valueInfo("output", 1, 84, 85))))
	f.Fuzz(func(t *testing.T, data []byte) {
		shape, err := checkModel(data, cocoClasses)
		if err == nil && (shape.side < 32 || shape.side > 2048) {
			t.Fatalf("took side %d", shape.side)
		}
	})
}

func TestAModelsOwnClasses(t *testing.T) {
	h, err := headOf([]string{"helmet", "motorbike", "person"}, 0.2, 0.6)
	require.NoError(t, err)
	require.Equal(t, head{3, []column{{1, vision.Motorcycle}, {2, vision.Person}}, 0.2, 0.6}, h)
	_, err = headOf([]string{"helmet"}, 0, 0)
	require.ErrorContains(t, err, "want the model's own, in its order, with one at least of [person")
	_, err = checkModel(message(7, message(11, valueInfo("images", 1, 3, 64, 64), 12, valueInfo("output", 1, 84, 85))), h.classes)
	require.ErrorContains(t, err, "1×N×8 (3 classes)")
}
