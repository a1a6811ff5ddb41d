package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 397 * 24 * time.Hour // what browsers and phones take from any CA
	backdate = 24 * time.Hour       // a device's clock may be behind
)

// written is before any box's first start: a box that starts without a clock
// believes it is 1970, and its CA must still hold once it knows better.
var written = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// CA is the box's own certificate authority.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// OpenCA reads ca.crt and ca.key in dir, or makes them for a box of that name.
// names are the DNS names that the box may ever show; addresses are always
// allowed.
func OpenCA(dir, name string, names []string) (*CA, error) {
	return openCA(dir, name, names, time.Now())
}

func openCA(dir, name string, names []string, now time.Time) (*CA, error) {
	certPath, keyPath := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key")
	pair, err := tls.LoadX509KeyPair(certPath, keyPath)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeCA(dir, certPath, keyPath, name, names, now); err != nil {
			return nil, fmt.Errorf("make CA in %s: %w", dir, err)
		}
		pair, err = tls.LoadX509KeyPair(certPath, keyPath)
	}
	if err != nil {
		return nil, fmt.Errorf("read CA in %s: %w", dir, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("read CA in %s: ca.crt and ca.key are not what the box makes; move them away for a new CA", dir)
	}
	return &CA{cert: pair.Leaf, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})}, nil
}

// Expires is when devices cease to trust the CA.
func (ca *CA) Expires() time.Time { return ca.cert.NotAfter }

// PEM is the CA's certificate, for who shall trust the box.
func (ca *CA) PEM() []byte { return slices.Clone(ca.pem) }

// Covers reports whether the CA may sign for a name.
func (ca *CA) Covers(name string) bool {
	return net.ParseIP(name) != nil || slices.Contains(ca.cert.PermittedDNSDomains, name)
}

func makeCA(dir, certPath, keyPath, name string, names []string, now time.Time) error {
	if now.Before(written) {
		now = written
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	everywhere := []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Watchpost " + name, Organization: []string{"Watchpost"}},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(caLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: names, PermittedIPRanges: everywhere,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	return writePair(certPath, keyPath, [][]byte{raw}, key)
}

// issue makes a certificate for names and addresses, or with client for a
// device of that one name.
func (ca *CA) issue(names []string, client bool) ([][]byte, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]},
		NotBefore: time.Now().Add(-backdate), NotAfter: time.Now().Add(leafLife - backdate),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	if client {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		template.NotAfter = ca.cert.NotAfter // nobody climbs a pole every year
		names = nil
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return nil, nil, err
	}
	return [][]byte{raw, ca.cert.Raw}, key, nil
}

// IssueClient writes {id}.crt and {id}.key into dir: with them a pillar of that
// id needs no password.
func (ca *CA) IssueClient(dir, id string) (certPath, keyPath string, err error) {
	certPath, keyPath = filepath.Join(dir, id+".crt"), filepath.Join(dir, id+".key")
	chain, key, err := ca.issue([]string{id}, true)
	if err == nil {
		err = writePair(certPath, keyPath, chain, key)
	}
	if err != nil {
		return "", "", fmt.Errorf("issue certificate of %s: %w", id, err)
	}
	return certPath, keyPath, nil
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

// writePair writes the key first: a certificate without its key is found at
// once, a key without its certificate is made anew.
func writePair(certPath, keyPath string, chain [][]byte, key *ecdsa.PrivateKey) error {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	var text []byte
	for _, one := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one})...)
	}
	if err := replace(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600); err != nil {
		return err
	}
	return replace(certPath, text, 0o644)
}

// replace leaves the old or the new file, whatever happens.
func replace(path string, data []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already after the rename
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
