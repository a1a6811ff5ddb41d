package whep

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/watchpost-edge/watchpost/ingest"
)

// counterPayload is the payload type of a counter-offer (dynamic, RFC 3551).
const counterPayload = 96

// choice is the payload that a session sends.
type choice struct {
	payload webrtc.PayloadType
	fmtp    string
	counter bool // not from the offer: we offer ourselves
}

// choose finds the offered H.264 payload that fits the camera best: the same
// profile, else one that contains it, else any with packetization-mode 1,
// since a browser's decoder goes by the SPS. Without any it is a
// counter-offer.
func choose(offer []byte, params *ingest.Params) (choice, error) {
	profile := profileOf(params.SPS)
	counter := choice{payload: counterPayload, fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profile, counter: true}
	if len(bytes.TrimSpace(offer)) == 0 {
		return counter, nil
	}
	var description sdp.SessionDescription
	if err := description.Unmarshal(offer); err != nil {
		return choice{}, refuse(400, "offer_invalid", "the offer is no SDP: %v", err)
	}
	best, bestRank := counter, 0
	for _, media := range description.MediaDescriptions {
		if media.MediaName.Media != "video" || media.MediaName.Port.Value == 0 {
			continue
		}
		if _, sends := media.Attribute("sendonly"); sends {
			continue
		}
		if _, off := media.Attribute("inactive"); off {
			continue
		}
		for _, offered := range h264Payloads(media) {
			if rank := rankProfile(profile, offered.profile); rank > bestRank {
				best, bestRank = choice{payload: offered.payload, fmtp: offered.fmtp}, rank
			}
		}
	}
	return best, nil
}

type h264Payload struct {
	payload webrtc.PayloadType
	fmtp    string
	profile string // six hex digits
}

// h264Payloads lists a section's H.264 payloads with packetization-mode 1.
func h264Payloads(media *sdp.MediaDescription) []h264Payload {
	var found []h264Payload
	for _, attribute := range media.Attributes {
		if attribute.Key != "rtpmap" {
			continue
		}
		number, encoding, _ := strings.Cut(attribute.Value, " ")
		payload, err := strconv.ParseUint(number, 10, 7)
		if err != nil || !strings.EqualFold(strings.TrimSpace(encoding), "H264/90000") {
			continue
		}
		fmtp := fmtpOf(media, number)
		values := fmtpValues(fmtp)
		if values["packetization-mode"] != "1" {
			continue
		}
		// RFC 6184, section 8.1: absent means baseline, level 1.
		profile := "42000a"
		if given := values["profile-level-id"]; len(given) == 6 {
			profile = strings.ToLower(given)
		}
		found = append(found, h264Payload{payload: webrtc.PayloadType(payload), fmtp: fmtp, profile: profile})
	}
	return found
}

func fmtpOf(media *sdp.MediaDescription, payload string) string {
	for _, attribute := range media.Attributes {
		if number, rest, ok := strings.Cut(attribute.Value, " "); ok && attribute.Key == "fmtp" && number == payload {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func fmtpValues(fmtp string) map[string]string {
	values := make(map[string]string)
	for part := range strings.SplitSeq(fmtp, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		values[strings.ToLower(name)] = value
	}
	return values
}

// profileOf is the profile-level-id of an SPS: profile_idc, the constraint
// flags and level_idc (RFC 6184, section 8.1).
func profileOf(sps []byte) string {
	if len(sps) < 4 {
		return "42e01f"
	}
	return fmt.Sprintf("%02x%02x%02x", sps[1], sps[2], sps[3])
}

// rankProfile says how well an offered profile fits the camera's: 3 the same,
// 2 one whose decoder must play it, 1 any other.
func rankProfile(camera, offered string) int {
	have, want := profileClass(offered), profileClass(camera)
	switch {
	case have == want:
		return 3
	case have > want && want > 0:
		return 2
	}
	return 1
}

// profileClass orders the profiles so that a decoder of a higher one plays a
// lower one (H.264, annex A.2); 0 for any other profile. Plain baseline is
// classed with constrained baseline: no camera uses what differs.
func profileClass(profile string) int {
	switch {
	case strings.HasPrefix(profile, "42"):
		return 1
	case strings.HasPrefix(profile, "4d"):
		return 2
	case strings.HasPrefix(profile, "64"):
		return 3
	}
	return 0
}

// candidates are the candidate lines of an SDP fragment.
func candidates(fragment []byte) []webrtc.ICECandidateInit {
	var found []webrtc.ICECandidateInit
	mid := "0"
	for line := range strings.Lines(string(fragment)) {
		line = strings.TrimSpace(line)
		if value, ok := strings.CutPrefix(line, "a=mid:"); ok {
			mid = value
		}
		if value, ok := strings.CutPrefix(line, "a=candidate:"); ok {
			section := mid
			found = append(found, webrtc.ICECandidateInit{Candidate: "candidate:" + value, SDPMid: &section})
		}
	}
	return found
}

// reordered reports whether pictures are not in the order they are shown in.
func reordered(units []*ingest.Unit) bool {
	for i := 1; i < len(units); i++ {
		if units[i].Run == units[i-1].Run && units[i].PTS < units[i-1].PTS {
			return true
		}
	}
	return false
}
