package station

import (
	"strings"

	"github.com/mozillazg/go-pinyin"
)

// pinyinOf is how a Chinese name is typed without an input method: the
// initials, then the whole ("bxjnk buxingjienankou"). Other letters stand as
// they are.
func pinyinOf(name string) string {
	var initials, whole strings.Builder
	args := pinyin.NewArgs()
	for _, r := range strings.ToLower(name) {
		said := pinyin.SinglePinyin(r, args)
		switch {
		case len(said) > 0:
			initials.WriteByte(said[0][0])
			whole.WriteString(said[0])
		case r > ' ' && r < 0x7f:
			initials.WriteRune(r)
			whole.WriteRune(r)
		}
	}
	if whole.Len() == 0 {
		return ""
	}
	return initials.String() + " " + whole.String()
}
