package rtsp

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TLS says whom to trust at the other end of rtsps. The zero value asks for a
// certificate that the machine's authorities have signed for the camera's name;
// cameras rarely have one.
type TLS struct {
	CAFile      string // certificates (PEM) that may have signed the camera's, or its own
	Fingerprint string // SHA-256 of the camera's certificate, hexadecimal: that one and no other, whatever it says
	Insecure    bool   // any certificate
}

// config reads the file anew for each session: a replaced one counts at once.
func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read camera's authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read camera's authorities: %s holds no certificate in PEM", t.CAFile)
		}
	}
	c.InsecureSkipVerify = t.Insecure || t.Fingerprint != "" //nolint:gosec // the operator's word, or the pin below
	if t.Fingerprint != "" {
		want, err := ParseFingerprint(t.Fingerprint)
		if err != nil {
			return nil, err
		}
		c.VerifyConnection = func(state tls.ConnectionState) error { return pinned(state, want) }
	}
	return c, nil
}

// ParseFingerprint reads 64 hexadecimal digits, in pairs with colons or not.
func ParseFingerprint(text string) ([]byte, error) {
	sum, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("read fingerprint %q: it is not the 64 hexadecimal digits of a SHA-256", text)
	}
	return sum, nil
}

// pinError says that the camera is not the one whose certificate was pinned.
type pinError struct{ got [sha256.Size]byte }

func (e *pinError) Error() string {
	return fmt.Sprintf("the camera shows another certificate than the pinned one; its fingerprint is %x", e.got)
}

func pinned(state tls.ConnectionState, want []byte) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the camera shows no certificate")
	}
	got := sha256.Sum256(state.PeerCertificates[0].Raw)
	if subtle.ConstantTimeCompare(got[:], want) != 1 {
		return &pinError{got: got}
	}
	return nil
}

// distrust says what to do about a certificate that was not trusted; empty
// when err is about something else.
func distrust(err error) string {
	var pin *pinError
	if errors.As(err, &pin) {
		return "compare the fingerprint with the camera's own page, then correct tls.fingerprint"
	}
	var bad *tls.CertificateVerificationError
	if !errors.As(err, &bad) {
		return ""
	}
	hint := "its certificate is not trusted: give tls.ca_file, or tls.fingerprint"
	if len(bad.UnverifiedCertificates) > 0 {
		hint += fmt.Sprintf(" (now %x)", sha256.Sum256(bad.UnverifiedCertificates[0].Raw))
	}
	return hint
}
