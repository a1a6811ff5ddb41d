package webhook

import (
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                              0,
		"soon":                          0,
		"-5":                            0,
		"0":                             0,
		"7":                             7 * time.Second,
		"86400":                         retryAfterMax,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second,
		"Fri, 02 Jan 2026 03:04:00 GMT": 0,
		"Sat, 02 Jan 2027 03:04:00 GMT": retryAfterMax,
	} {
		until, asked := retryAfter(text, now)
		require.Equal(t, want > 0, asked, text)
		if asked {
			require.Equal(t, now.Add(want), until, text)
		}
	}
}

// What an answer says can go into a log and an event, whatever it is.
func FuzzAnswer(f *testing.F) {
	f.Add("120", []byte("no such place\r\n"))
	f.Add("Fri, 02 Jan 2026 03:04:35 GMT", []byte("\x1b[31m\xff<html>"))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		now := time.Now()
		if until, asked := retryAfter(header, now); asked {
			require.True(t, until.After(now) && !until.After(now.Add(retryAfterMax)))
		}
		text := printable(body)
		require.True(t, utf8.ValidString(text))
		require.LessOrEqual(t, utf8.RuneCountInString(text), reasonMax+1)
		for _, r := range text {
			require.True(t, unicode.IsPrint(r))
		}
	})
}
