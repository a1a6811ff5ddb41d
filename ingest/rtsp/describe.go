package rtsp

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/sdp"
)

// errNoMedia says that a description holds nothing that can be read.
var errNoMedia = errors.New("description without a readable medium")

// offer is what a camera's description says beside its formats.
type offer struct {
	feedback bool     // it takes requests for a key picture (RFC 4585)
	left     []string // media that were left out, with the reason
}

// isDescription tells an answer to DESCRIBE from others.
func isDescription(res *base.Response) bool {
	typ := res.Header["Content-Type"]
	return len(res.Body) > 0 && len(typ) == 1 && strings.HasPrefix(typ[0], "application/sdp")
}

// readable takes the media out of a description that gortsplib cannot read:
// one bad line about sound or metadata would otherwise cost the pictures.
func readable(body []byte) ([]byte, offer, error) {
	head, media := split(body)
	var o offer
	out := head
	for _, m := range media {
		kind, _, _ := strings.Cut(strings.TrimPrefix(m, "m="), " ")
		if err := parse(head + m); err != nil {
			o.left = append(o.left, kind+": "+err.Error())
			continue
		}
		if kind == "video" {
			o.feedback = o.feedback || takesRequests(m)
		}
		out += m
	}
	if out == head {
		return nil, o, errNoMedia
	}
	return []byte(out), o, nil
}

// split cuts a description before each medium, with line ends as they must be.
func split(body []byte) (head string, media []string) {
	var parts []*strings.Builder
	parts = append(parts, &strings.Builder{})
	for line := range bytes.Lines(body) {
		text := strings.TrimRight(string(line), "\r\n\x00 ")
		if text == "" {
			continue
		}
		if strings.HasPrefix(text, "m=") {
			parts = append(parts, &strings.Builder{})
		}
		parts[len(parts)-1].WriteString(text + "\r\n")
	}
	for _, p := range parts[1:] {
		media = append(media, p.String())
	}
	return parts[0].String(), media
}

func parse(text string) error {
	var session sdp.SessionDescription
	if err := session.Unmarshal([]byte(text)); err != nil {
		return err
	}
	var desc description.Session
	return desc.Unmarshal(&session)
}

// takesRequests tells whether a medium's lines allow feedback for a lost
// picture: the profile RTP/AVPF (RFC 4585, section 4.1), or nack pli (4.2), or
// ccm fir (RFC 5104, section 7.1).
func takesRequests(medium string) bool {
	return slices.ContainsFunc(strings.Split(medium, "\r\n"), func(line string) bool {
		if strings.HasPrefix(line, "m=") {
			return strings.Contains(line, "AVPF ")
		}
		return strings.HasPrefix(line, "a=rtcp-fb:") && (strings.HasSuffix(line, " nack pli") || strings.HasSuffix(line, " ccm fir"))
	})
}
