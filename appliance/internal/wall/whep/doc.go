// Package whep owns live video in the browser: WebRTC sessions opened by WHEP
// (draft-ietf-wish-whep), each of which passes one camera's H.264 units
// through, without decoding or encoding. All sessions share one UDP and one
// TCP port.
//
// It refuses what a browser cannot play as it is: other codecs, H.264 with
// reordered pictures (B-frames), and an offer without H.264 in
// packetization-mode 1, which gets a counter-offer.
//
// It fails towards less picture, never towards waiting: a viewer that is too
// slow loses units up to the next key unit, counted. A camera that stops
// leaves its sessions standing; they go on at its next key unit, with RTP
// timestamps that keep rising. A viewer that is gone ends its session 10 to
// 15 s after its last sign.
package whep
