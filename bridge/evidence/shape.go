package evidence

import (
	"errors"
	"fmt"
)

// Limits of a manifest's JSON: encoding/json would make a hundred bytes of
// memory out of every two of `0,`.
const (
	objectsMax = 300_000
	depthMax   = 8
)

// A manifest as Write makes it: each stretch of a clip twice at most, as
// itself and as the only one of its group, and each file twice.
const _ = uint(objectsMax - 2*leavesMax - 2*filesMax)

// checkShape wants JSON whose lists hold objects only, not too many and not
// too deep. Whether it is JSON at all is for the decoder to say.
func checkShape(b []byte) error {
	var lists [depthMax]bool // which of the open brackets are lists
	depth, objects := 0, 0
	var last byte // outside strings and space
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == ' ' || c == '\n' || c == '\r' || c == '\t' {
			continue
		}
		if depth > 0 && lists[depth-1] && (last == '[' || last == ',') && c != '{' && c != ']' {
			return errors.New("a list of it holds something that is no object")
		}
		last = c
		switch c {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth == depthMax {
				return fmt.Errorf("it is nested deeper than %d", depthMax)
			}
			lists[depth] = c == '['
			depth++
			if objects++; objects > objectsMax {
				return fmt.Errorf("it has more than %d parts", objectsMax)
			}
		case '}', ']':
			depth = max(depth-1, 0)
		}
	}
	return nil
}
