package station

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

// addressesFile is written to the data directory once the box is ready
// (contracts.md, "Command line").
const addressesFile = "addresses.json"

// addresses are the ports that the box got.
type addresses struct {
	HTTP   string            `json:"http"`
	HTTPS  string            `json:"https,omitempty"`
	MQTT   string            `json:"mqtt,omitempty"`
	MQTTS  string            `json:"mqtts,omitempty"`
	WebRTC map[string]int    `json:"webrtc"` // udp, tcp
	Drones map[string]string `json:"drones"` // id → udp address
	PID    int               `json:"pid"`
}

func (a addresses) write(dir string) error {
	path := filepath.Join(dir, addressesFile)
	if err := media.WriteFile(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(a) }); err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	return nil
}
