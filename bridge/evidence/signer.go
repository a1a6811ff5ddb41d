package evidence

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files of the box's key in the data directory.
const (
	PrivateKeyFile = "box-key.pem"        // PKCS #8, 0600
	PublicKeyFile  = "box-key.public.pem" // to give away
)

// Signer is the box's Ed25519 key. It is safe for concurrent use.
type Signer struct {
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

// OpenSigner reads the key of a data directory and makes one when there is
// none. Two processes that do so at the same time end up with the same key. A
// key that others may read is refused: it proves nothing.
func OpenSigner(dir string) (*Signer, error) {
	path := filepath.Join(dir, PrivateKeyFile)
	s, err := readSigner(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(path); err != nil {
			return nil, fmt.Errorf("make key %s: %w", path, err)
		}
		s, err = readSigner(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open key %s: %w", path, err)
	}
	public := filepath.Join(dir, PublicKeyFile)
	if b, err := os.ReadFile(public); err != nil || !bytes.Equal(b, s.PublicPEM()) {
		if err := place(public, s.PublicPEM(), 0o644, os.Rename); err != nil {
			return nil, fmt.Errorf("write public key %s: %w", public, err)
		}
	}
	return s, nil
}

// NewSigner takes a key that is kept elsewhere.
func NewSigner(private ed25519.PrivateKey) *Signer {
	public, _ := private.Public().(ed25519.PublicKey)
	return &Signer{private: private, public: public}
}

func readSigner(path string) (*Signer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read it (%v); chmod 600 if you are sure that nobody did", info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("it holds no PEM PRIVATE KEY")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("it holds a %T; want Ed25519", key)
	}
	return NewSigner(private), nil
}

func makeKey(path string) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	// A link, unlike a rename, leaves a key that another process made first.
	err = place(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600, os.Link)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// place puts a whole file under its name, or nothing.
func place(path string, b []byte, mode os.FileMode, publish func(from, to string) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		os.Remove(f.Name()) // gone already after a rename
	}()
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := publish(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Public is the key to check with; an ed25519.PublicKey.
func (s *Signer) Public() crypto.PublicKey { return s.public }

// Sign signs a message whole, as crypto.Signer with a zero hash.
func (s *Signer) Sign(random io.Reader, message []byte, options crypto.SignerOpts) ([]byte, error) {
	return s.private.Sign(random, message, options)
}

// PublicPEM is the public key as openssl reads it.
func (s *Signer) PublicPEM() []byte { return publicPEM(s.public) }

// Fingerprint is what people compare; see the function of that name.
func (s *Signer) Fingerprint() string { return Fingerprint(s.public) }

func publicPEM(key ed25519.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER(key)})
}

// publicDER is a SubjectPublicKeyInfo of RFC 8410: this prefix and the key.
func publicDER(key ed25519.PublicKey) []byte {
	return append([]byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}, key...)
}

// KeyID is the SHA-256 of the public key's DER in hex.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(publicDER(key))
	return hex.EncodeToString(sum[:])
}

// Fingerprint is the first half of the key's id in groups of four, for a
// screen, a seal or a telephone: 128 bits, so nobody makes a second key to it.
func Fingerprint(key ed25519.PublicKey) string {
	id := strings.ToUpper(KeyID(key)[:32])
	groups := make([]string, 0, 8)
	for ; id != ""; id = id[4:] {
		groups = append(groups, id[:4])
	}
	return strings.Join(groups, " ")
}

// ParsePublicKey reads a PEM public key.
func ParsePublicKey(b []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("read public key: it is no PEM PUBLIC KEY")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("read public key: it is a %T; want Ed25519", key)
	}
	return public, nil
}
