package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	secretPrefix   = "whsec_"
	secretBytesMin = 24 // Standard Webhooks: 24 to 64 bytes
	secretBytesMax = 64
	secretsMax     = 4
	requestNameMax = 128
)

// CheckSecret says what is wrong with a file of secrets, nil when nothing is. It
// never quotes the file.
func CheckSecret(path string) error {
	_, err := readSecrets(path)
	return err
}

// readSecrets reads one secret a line. Errors never quote the file.
func readSecrets(path string) ([][]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("uplink secret: %w", err)
	}
	lines := bytes.Fields(text)
	if len(lines) == 0 || len(lines) > secretsMax {
		return nil, fmt.Errorf("uplink secret %s: has %d lines, want 1 to %d", path, len(lines), secretsMax)
	}
	var secrets [][]byte
	for i, line := range lines {
		encoded, ok := strings.CutPrefix(string(line), secretPrefix)
		secret, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(secret) < secretBytesMin || len(secret) > secretBytesMax {
			return nil, fmt.Errorf("uplink secret %s: line %d is not %s and base64 of %d to %d bytes", path, i+1, secretPrefix, secretBytesMin, secretBytesMax)
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}

// sign is the header webhook-signature: one signature a secret, so that the
// receiver may hold the old one or the new.
func sign(secrets [][]byte, id, timestamp string, body []byte) string {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%s.", id, timestamp)
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}

// messageID names a body by what is in it: the same events sent again have the
// same id, as Standard Webhooks wants. It holds no dot, which separates what is
// signed.
func messageID(b bridge.Batch, events []bridge.Outgoing) string {
	first, last := &events[0], &events[len(events)-1]
	what := fmt.Sprintf("%s/%s/%d-%d", first.Epoch, first.Lane, first.Sequence, last.Sequence)
	switch b.Way {
	case bridge.WayNow:
		what = fmt.Sprintf("now/%s/%d", first.ID, len(events))
	case bridge.WayOrder:
		what = "order/" + first.ID
	case bridge.WayReplay:
		what = "replay/" + requestName(b.Request) + "/" + what
	}
	return strings.ReplaceAll(what, ".", "%2E")
}

// requestName makes headquarters' name for a replay fit for a header.
func requestName(request string) string {
	if len(request) > requestNameMax {
		sum := sha256.Sum256([]byte(request))
		return hex.EncodeToString(sum[:])
	}
	return url.PathEscape(request)
}
