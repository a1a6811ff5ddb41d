// Package picture makes a photograph that a person brought fit to be kept: it
// is decoded and drawn anew, upright and at most SideMax on its longer side,
// so that nothing is left of its EXIF data (where and with what it was taken),
// of pictures within it, or of anything hidden behind its pixels.
//
// It takes JPEG and PNG and refuses all else by its first bytes, whatever it is
// called. What would cost too much is refused before it is decoded: by bytes,
// by pixels, and a JPEG also by how often it draws over itself, since a scan of
// a few bytes costs a walk over all of the picture. The same bytes give the
// same picture. Errors are values: ErrKind, *LimitError, ErrBroken.
package picture
