package slice

// headMax is how much of a slice may be header: far more than any is.
const headMax = 256 // bytes

// bits reads a bit string; past its end it gives zeros and is bad.
type bits struct {
	data []byte
	pos  int
	bad  bool
}

// payload takes the emulation prevention bytes (0 0 3) out of the beginning of
// a NAL unit behind its header.
func payload(nal []byte, header int) bits {
	if len(nal) < header {
		return bits{bad: true}
	}
	nal = nal[header:min(len(nal), header+headMax)]
	out := make([]byte, 0, len(nal))
	zeros := 0
	for _, b := range nal {
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, b)
	}
	return bits{data: out}
}

func (b *bits) u(n int) int {
	v := 0
	for range n {
		i := b.pos >> 3
		if i >= len(b.data) {
			b.bad = true
			return 0
		}
		v = v<<1 | int(b.data[i]>>(7-b.pos&7))&1
		b.pos++
	}
	return v
}

func (b *bits) flag() bool { return b.u(1) == 1 }

// ue is an Exp-Golomb code (H.264, 9.1).
func (b *bits) ue() int {
	zeros := 0
	for b.u(1) == 0 {
		if zeros++; zeros > 31 || b.bad {
			b.bad = true
			return 0
		}
	}
	return 1<<zeros - 1 + b.u(zeros)
}

func (b *bits) se() int {
	v := b.ue()
	if v&1 == 1 {
		return (v + 1) / 2
	}
	return -v / 2
}
