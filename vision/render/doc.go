// Package render makes renditions: a camera's pictures decoded, made small,
// masked and encoded again, as a feed of Units like any camera's, shared by
// all who look.
//
// It owns what a rendition is (at most 1280×720 at 12 pictures a second; with
// Stills one a second, of key units alone) and the order of things: a picture
// is masked before it is encoded, and one that could not be masked is never
// encoded. It takes decoder and encoder through its own interfaces and does no
// cgo. It refuses a rendition without masks that was asked for because of
// masks: no mask in force, no picture. Only one that is Plain, for a browser
// that cannot play the camera's codec, has none.
//
// It is lossy like everything live: while it is behind, its reader drops, and
// it goes on at the next key unit. A decoder that fails waits for the next key
// unit; an encoder that fails ends the run, and whoever runs it begins anew.
package render
