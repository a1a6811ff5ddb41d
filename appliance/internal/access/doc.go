// Package access owns who may do what: the users file, the roles, the table
// role × route, limits per camera, tokens of machines, login sessions, acts
// that need a second person, and the limit on guessing passwords.
//
// It refuses whatever is not written down: a route without a row is nobody's,
// a role that is not in the row is forbidden, a user that is disabled or whose
// password changed has no session from that moment on. There is no default
// user and no default password. Passwords are kept as argon2id hashes, session
// tokens as SHA-256; neither can be read back.
//
// It fails closed. A users file that cannot be read lets nobody in and ends no
// other part of the box; the error names the path. Files are written to a
// temporary name, synced and renamed, so a crash leaves the old or the new one.
package access
