package evidence

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Report is what Verify found.
type Report struct {
	// Manifest is nil when it could not be read. It is proven only if Signed.
	Manifest    *Manifest
	Signed      bool   // the signature fits the manifest and the key
	KeyGiven    bool   // the key came from the caller, not from the bundle
	KeyID       string // of the key that it was checked with
	Fingerprint string
	AsWritten   bool // the zip around the files is the box's own, to the last byte of its records
	Files       int  // listed and there
	Events      int
	Withheld    int // of these without data
	Lanes       int // and epochs
	Gaps        int // between events of a lane: what lies there is not in the bundle
	Problems    []Problem
	More        int // problems beyond those that are kept
}

// Problem is one thing that is wrong. From and To are within a clip, from its
// start, when Timed.
type Problem struct {
	File     string // empty: the bundle as such
	Timed    bool
	From, To time.Duration
	Text     string
}

func (p Problem) String() string {
	if p.File == "" {
		return p.Text
	}
	return plain(p.File) + ": " + p.Text
}

// Good reports whether the bundle is as it was signed, to the last byte.
func (r *Report) Good() bool { return r.Signed && r.Manifest != nil && len(r.Problems) == 0 }

func (r *Report) add(p Problem) {
	if len(r.Problems) >= problemsMax {
		r.More++
		return
	}
	r.Problems = append(r.Problems, p)
}

// Print says it in plain words; name is the bundle's.
func (r *Report) Print(w io.Writer, name string) error {
	var b strings.Builder
	if r.Good() {
		fmt.Fprintf(&b, "%s: unchanged since it was signed\n", name)
		if !r.AsWritten {
			b.WriteString("  The zip around the files is not the box's own: they were packed anew, or a byte of its records was changed. The files are as they were.\n")
		}
	} else {
		fmt.Fprintf(&b, "%s: NOT as it left the box\n", name)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "  %s\n", p)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "  and %d more\n", r.More)
	}
	r.printManifest(&b)
	r.printKey(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) printManifest(b *strings.Builder) {
	m := r.Manifest
	if m == nil {
		return
	}
	says := "  "
	if !r.Signed {
		says = "  not proven: "
	}
	drill := ""
	if m.Drill {
		drill = " (a drill)"
	}
	fmt.Fprintf(b, "%sincident %s%s, station %s, box %s\n", says, plain(m.Incident), drill, plain(m.Station), plain(m.Box))
	fmt.Fprintf(b, "%sexported %s by %s", says, m.Made, plain(m.By))
	if m.Reason != "" {
		fmt.Fprintf(b, ": %s", plain(m.Reason))
	}
	groups, unindexed, originals := 0, 0, 0
	for i := range m.Clips {
		if m.Clips[i].Original {
			originals++
		}
		for k := range m.Clips[i].Ranges {
			if m.Clips[i].Ranges[k].Kind == kindGOP {
				groups++
			}
		}
		if m.Clips[i].Unindexed != "" {
			unindexed++
		}
	}
	fmt.Fprintf(b, "\n  %d files looked at, %d clips among them with %d groups of pictures; %d events in %d lanes, %d of them without their data\n",
		r.Files, len(m.Clips), groups, r.Events, r.Lanes, r.Withheld)
	if u := m.Unmasked; u != nil {
		fmt.Fprintf(b, "%sholds %d unmasked originals: asked for by %s, approved by %s, %s: %s\n", says, originals, plain(u.By), plain(u.Second), u.At, plain(u.Reason))
	}
	if r.Gaps > 0 {
		fmt.Fprintf(b, "  the chain is checked between neighbours; in %d places others lie between that are not in the bundle\n", r.Gaps)
	} else if r.Events > 0 {
		b.WriteString("  the chain of each lane is there without a gap\n")
	}
	if unindexed > 0 {
		fmt.Fprintf(b, "  %d clips have one hash for the whole file only\n", unindexed)
	}
	for i, missing := range m.Missing {
		if i == problemsMax {
			fmt.Fprintf(b, "  and %d more that are not in the bundle\n", len(m.Missing)-i)
			break
		}
		fmt.Fprintf(b, "  not in the bundle: %s (%s)\n", plain(missing.What), plain(missing.Why))
	}
}

func (r *Report) printKey(b *strings.Builder) {
	switch {
	case r.Fingerprint == "":
	case r.KeyGiven && r.Signed:
		fmt.Fprintf(b, "  signed with the key that you gave, fingerprint %s\n", r.Fingerprint)
	case r.KeyGiven:
		fmt.Fprintf(b, "  the key that you gave has the fingerprint %s\n", r.Fingerprint)
	default:
		fmt.Fprintf(b, "  checked with the key inside the bundle, fingerprint %s\n", r.Fingerprint)
		b.WriteString("  This tells whether anything was changed since it was signed. It does not tell who signed it: anybody can make a key.\n")
		b.WriteString("  For that, compare the fingerprint with the box's, or give the box's public key with -key FILE.\n")
	}
}
