package partner_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/partner"
)

// FuzzReadReply: whatever a partner sends is a reply with an order, or an
// error that names a field.
func FuzzReadReply(f *testing.F) {
	for _, text := range []string{
		`{"order":"01J","id":"r1","result":"done","report":"已修复","pictures":["ab"]}`, `{"order":"01J","result":"refused","reason":"x","unknown":{}}`,
		`{"order":7}`, `{"order":""}`, `{"pictures":{}}`, `{"order":"a"`, `[]`, `null`, ``, "\xff", `{"order":"` + strings.Repeat("x", 1000) + `"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := partner.ReadReply(payload)
		var invalid *desk.InvalidError
		if err != nil {
			require.True(t, errors.As(err, &invalid))
			require.NotEmpty(t, invalid.Remedy)
			return
		}
		require.NotEmpty(t, r.Order)
		in := r.Input("works")
		require.Equal(t, []string{"works", r.Order, "partner"}, []string{in.Partner, in.Order, in.By.Role})
	})
}

func TestLongReplyIsRefused(t *testing.T) {
	_, err := partner.ReadReply([]byte(`{"order":"` + strings.Repeat("x", partner.ReplyBytesMax) + `"}`))
	require.ErrorContains(t, err, "at most 32768 bytes")
}
