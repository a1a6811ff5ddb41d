package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	watchEvery  = time.Second // files
	namesEvery  = time.Minute // addresses of the machine, expiry
	renewBefore = 30 * 24 * time.Hour
)

// Options of a Keeper. With CertFile the certificate is the configuration's;
// else it is the CA's, kept in Dir as {Use}.crt and {Use}.key.
type Options struct {
	Use               string // http, mqtt: in file names and messages
	CertFile, KeyFile string
	CA                *CA
	Dir               string
	Names             func() []string // names and addresses by which the box is called
	Log               *slog.Logger
}

// Keeper has the certificate that is shown now.
type Keeper struct {
	o      Options
	unsaid []string // names that the CA does not cover, told once

	mu      sync.Mutex
	current *tls.Certificate
	stamp   [2]fileStamp
	trouble string
}

type fileStamp struct {
	at   time.Time
	size int64
}

// NewKeeper reads or makes the certificate.
func NewKeeper(o Options) (*Keeper, error) {
	k := &Keeper{o: o}
	if o.CertFile != "" {
		if err := k.load(o.CertFile, o.KeyFile); err != nil {
			return nil, fmt.Errorf("read certificate of %s.tls: %w", o.Use, err)
		}
		return k, nil
	}
	if err := k.renew(time.Now()); err != nil {
		return nil, fmt.Errorf("make certificate of %s: %w", o.Use, err)
	}
	return k, nil
}

// Trouble says why the newest files are not in force; empty when they are.
func (k *Keeper) Trouble() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.trouble
}

// Expires is when the certificate in force ends.
func (k *Keeper) Expires() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current.Leaf.NotAfter
}

// Config is for a listener: TLS 1.2 and 1.3, forward secrecy, no weak suites.
func (k *Keeper) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Of TLS 1.2; those of 1.3 are all good. Order is the library's.
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.current, nil
		},
	}
}

// Run keeps the certificate good until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	every := watchEvery
	if k.o.CertFile == "" {
		every = namesEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			k.refresh(time.Now())
		}
	}
}

func (k *Keeper) refresh(now time.Time) {
	var err error
	if k.o.CertFile == "" {
		err = k.renew(now)
	} else if k.changed() {
		if err = k.load(k.o.CertFile, k.o.KeyFile); err == nil {
			k.o.Log.Info("new certificate in force", "use", k.o.Use, "file", k.o.CertFile, "expires", k.Expires())
		}
	} else {
		return
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	k.mu.Lock()
	again := text == k.trouble
	k.trouble = text
	k.mu.Unlock()
	if err != nil && !again {
		k.o.Log.Error("certificate not taken; the one before stays in force", "use", k.o.Use, "err", err)
	}
}

// changed reports whether the files are others than were looked at last, also
// when those were not good.
func (k *Keeper) changed() bool {
	stamp := [2]fileStamp{stampOf(k.o.CertFile), stampOf(k.o.KeyFile)}
	k.mu.Lock()
	defer k.mu.Unlock()
	return stamp != k.stamp
}

func stampOf(path string) fileStamp {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{info.ModTime(), info.Size()}
}

func (k *Keeper) load(certFile, keyFile string) error {
	stamp := [2]fileStamp{stampOf(certFile), stampOf(keyFile)}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stamp = stamp
	if err != nil {
		return fmt.Errorf("%s and %s: %w", certFile, keyFile, err)
	}
	k.current = &pair
	return nil
}

// renew makes a new certificate when there is none, when it ends soon, is
// another CA's, or lacks a name by which the box is called now.
func (k *Keeper) renew(now time.Time) error {
	certFile, keyFile := filepath.Join(k.o.Dir, k.o.Use+".crt"), filepath.Join(k.o.Dir, k.o.Use+".key")
	if k.current == nil {
		err := k.load(certFile, keyFile)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			k.o.Log.Warn("certificate made anew", "use", k.o.Use, "why", err)
		}
	}
	names := k.names()
	if k.good(names, now) {
		return nil
	}
	chain, key, err := k.o.CA.issue(names, false)
	if err != nil {
		return err
	}
	if err := writePair(certFile, keyFile, chain, key); err != nil {
		return err
	}
	k.o.Log.Info("certificate made", "use", k.o.Use, "names", names)
	return k.load(certFile, keyFile)
}

// names are those that the CA may sign for.
func (k *Keeper) names() []string {
	var names []string
	for _, name := range k.o.Names() {
		switch {
		case k.o.CA.Covers(name):
			names = append(names, name)
		case !slices.Contains(k.unsaid, name):
			k.unsaid = append(k.unsaid, name)
			k.o.Log.Warn("the box's CA was made before the box had this name: move tls/ca.crt and tls/ca.key away for a new CA, or set cert_file", "name", name)
		}
	}
	return names
}

func (k *Keeper) good(names []string, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current == nil || k.current.Leaf == nil {
		return false
	}
	leaf := k.current.Leaf
	if now.Add(renewBefore).After(leaf.NotAfter) || leaf.CheckSignatureFrom(k.o.CA.cert) != nil {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool { return leaf.VerifyHostname(name) != nil })
}

// Pool reads certificates of CAs, one or more in a file.
func Pool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read certificates: %s holds none (PEM is needed)", file)
	}
	return pool, nil
}

// Pool is the CA alone, for who checks what it issued.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}
