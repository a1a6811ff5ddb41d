package detect

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// A model is looked at before any library loads it: OpenCV would end the
// process on what it does not like, and both would only say so at the first
// picture. What is read of the ONNX file is its graph's inputs and outputs
// (onnx.proto3: ModelProto.graph = 7, GraphProto.initializer = 5, input = 11,
// output = 12, ValueInfoProto name = 1, type = 2).

// port is an input or output of a model; 0 is a free dimension.
type port struct {
	name string
	dims []int64
}

// modelShape is what a detector needs to know of a YOLOX model.
type modelShape struct {
	input, output string
	side          int // pixels of the square input
	classes       int
}

// checkModel reads an ONNX file and refuses all but YOLOX heads over so many
// classes, saying what was expected.
func checkModel(data []byte, classes int) (modelShape, error) {
	ins, outs, err := readPorts(data)
	if err != nil {
		return modelShape{}, fmt.Errorf("not an ONNX model: %w", err)
	}
	want := fmt.Sprintf("want one input 1×3×S×S (S a multiple of 32) and one output 1×N×%d (%d classes) with N cells of strides 8, 16 and 32", headBox+classes, classes)
	if len(ins) != 1 || len(outs) != 1 {
		return modelShape{}, fmt.Errorf("model has %d inputs and %d outputs; %s", len(ins), len(outs), want)
	}
	in, out := ins[0], outs[0]
	if len(in.dims) != 4 || in.dims[0] != 1 || in.dims[1] != 3 || in.dims[2] != in.dims[3] ||
		in.dims[2] < 32 || in.dims[2] > 2048 || in.dims[2]%32 != 0 {
		return modelShape{}, fmt.Errorf("model's input %s is %v; %s", in.name, in.dims, want)
	}
	side := int(in.dims[2])
	if !slices.Equal(out.dims, []int64{1, int64(cells(side)), int64(headBox + classes)}) {
		return modelShape{}, fmt.Errorf("model's output %s is %v; %s: [1 %d %d]", out.name, out.dims, want, cells(side), headBox+classes)
	}
	return modelShape{input: in.name, output: out.name, side: side, classes: classes}, nil
}

var errTruncated = errors.New("truncated")

// fields calls each for every length-delimited field of a protobuf message.
func fields(msg []byte, each func(num protowire.Number, val []byte) error) error {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return errTruncated
		}
		msg = msg[n:]
		if typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, msg); n < 0 {
				return errTruncated
			}
			msg = msg[n:]
			continue
		}
		val, n := protowire.ConsumeBytes(msg)
		if n < 0 {
			return errTruncated
		}
		msg = msg[n:]
		if err := each(num, val); err != nil {
			return err
		}
	}
	return nil
}

func readPorts(model []byte) (ins, outs []port, err error) {
	var graph []byte
	if err := fields(model, func(num protowire.Number, val []byte) error {
		if num == 7 {
			graph = val
		}
		return nil
	}); err != nil {
		return nil, nil, err
	}
	if graph == nil {
		return nil, nil, errors.New("no graph")
	}
	weights := map[string]bool{}
	err = fields(graph, func(num protowire.Number, val []byte) error {
		switch num {
		case 5: // TensorProto.name = 8
			return fields(val, func(num protowire.Number, val []byte) error {
				if num == 8 {
					weights[string(val)] = true
				}
				return nil
			})
		case 11, 12:
			p, err := readPort(val)
			if err != nil {
				return err
			}
			if num == 11 {
				ins = append(ins, p)
			} else {
				outs = append(outs, p)
			}
		}
		return nil
	})
	// Old exporters list weights among the inputs.
	ins = slices.DeleteFunc(ins, func(p port) bool { return weights[p.name] })
	return ins, outs, err
}

// readPort reads a ValueInfoProto: type.tensor_type(1).shape(2).dim(1), each
// with dim_value = 1 as a varint.
func readPort(msg []byte) (port, error) {
	var p port
	err := fields(msg, func(num protowire.Number, val []byte) error {
		if num == 1 {
			p.name = string(val)
		}
		if num != 2 {
			return nil
		}
		return nested(val, []protowire.Number{1, 2}, func(shape []byte) error {
			return fields(shape, func(num protowire.Number, dim []byte) error {
				if num == 1 {
					p.dims = append(p.dims, dimValue(dim))
				}
				return nil
			})
		})
	})
	return p, err
}

// nested calls each for the messages found by following path.
func nested(msg []byte, path []protowire.Number, each func([]byte) error) error {
	if len(path) == 0 {
		return each(msg)
	}
	return fields(msg, func(num protowire.Number, val []byte) error {
		if num != path[0] {
			return nil
		}
		return nested(val, path[1:], each)
	})
}

func dimValue(dim []byte) int64 {
	num, typ, n := protowire.ConsumeTag(dim)
	if n < 0 || num != 1 || typ != protowire.VarintType {
		return 0
	}
	v, n := protowire.ConsumeVarint(dim[n:])
	if n < 0 {
		return 0
	}
	return int64(v)
}
