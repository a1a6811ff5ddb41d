package config

import (
	"net/url"
	"os"
	"regexp"
	"strings"
)

// Streams are a camera's RTSP addresses, without credentials. Sub, which may
// be absent, is a smaller picture of the same: analysis and small tiles use it.
type Streams struct {
	Main string `yaml:"main"`
	Sub  string `yaml:"sub"`
}

// CameraTLS says whom to trust on rtsps.
type CameraTLS struct {
	CAFile      string `yaml:"ca_file"`     // PEM; empty: the machine's authorities
	Fingerprint string `yaml:"fingerprint"` // SHA-256 of the camera's certificate; empty: not pinned
	Insecure    bool   `yaml:"insecure"`
}

var fingerprintPattern = regexp.MustCompile(`^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$`)

func (cam *Camera) validateStreams(key string, ps *Problems) {
	streamAddress(key+".streams.main", cam.Streams.Main, "main", ps)
	if cam.Streams.Sub != "" {
		streamAddress(key+".streams.sub", cam.Streams.Sub, "sub", ps)
		if cam.Streams.Sub == cam.Streams.Main {
			ps.add(key+".streams.sub", "is the main stream; write the address of the smaller one, or leave it out")
		}
	}
	secure := strings.HasPrefix(cam.Streams.Main, "rtsps:") || strings.HasPrefix(cam.Streams.Sub, "rtsps:")
	if secure && cam.Transport == "udp" {
		ps.add(key+".transport", "is udp, but rtsps puts everything on one connection; write auto or tcp")
	}
	cam.TLS.validate(key+".tls", secure, ps)
}

func streamAddress(key, text, example string, ps *Problems) {
	u, err := url.Parse(text)
	switch {
	case holdsCredentials(text):
		ps.add(key, "holds credentials; put them into username and password_file")
	case text == "":
		ps.add(key, "is empty; write the camera's address, like rtsp://10.0.0.11/%s", example)
	case err != nil || u.Host == "" || (u.Scheme != "rtsp" && u.Scheme != "rtsps"):
		ps.add(key, "%q is no RTSP address; write it like rtsp://10.0.0.11/%s", text, example)
	}
}

func (t *CameraTLS) validate(key string, secure bool, ps *Problems) {
	set := 0
	for _, is := range []bool{t.CAFile != "", t.Fingerprint != "", t.Insecure} {
		if is {
			set++
		}
	}
	switch {
	case set > 0 && !secure:
		ps.add(key, "is for rtsps, and no stream of this camera is; write rtsps:// in streams, or remove it")
	case set > 1:
		ps.add(key, "has more than one of ca_file, fingerprint and insecure; keep the one that counts")
	}
	if t.Fingerprint != "" && !fingerprintPattern.MatchString(t.Fingerprint) {
		ps.add(key+".fingerprint", "%q; write the 64 hexadecimal digits of the certificate's SHA-256", t.Fingerprint)
	}
	if t.CAFile != "" {
		text, err := os.ReadFile(t.CAFile)
		switch {
		case err != nil:
			ps.add(key+".ca_file", "%v; give a file with certificates in PEM", err)
		case !strings.Contains(string(text), "-----BEGIN CERTIFICATE-----"):
			ps.add(key+".ca_file", "%s holds no certificate in PEM", t.CAFile)
		}
	}
}
