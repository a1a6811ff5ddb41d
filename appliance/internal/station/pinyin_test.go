package station

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPinyin(t *testing.T) {
	require.Equal(t, "bxjnk2 buxingjienankou2", pinyinOf("步行街南口2"))
	require.Equal(t, "gate-eastdm gate-eastdongmen", pinyinOf("Gate-East 东门"))
	require.Empty(t, pinyinOf("  "))
}
