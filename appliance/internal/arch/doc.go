// Package arch holds tests only: which package may import which, and that
// every package says what it owns.
package arch
