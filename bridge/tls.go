package bridge

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// TLSFiles is what an uplink trusts and who it is, as files. They are read at
// every attempt, so that a renewed certificate needs no restart.
type TLSFiles struct {
	CA   string // "" trusts the system's authorities
	Cert string // client certificate, with Key; "" is none
	Key  string
}

// Config reads the files. TLS is 1.2 or newer.
func (f TLSFiles) Config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("uplink authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("uplink authorities %s: no certificate in it", f.CA)
		}
	}
	if f.Cert != "" {
		certificate, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("uplink certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}
