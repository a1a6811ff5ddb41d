package station

import (
	"fmt"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

// outbound holds the addresses of imported cameras outward: those of the
// configuration file alone may lead to this machine.
func outbound(cfg *config.Config) *access.Outbound {
	var named []string
	for _, c := range cfg.Cameras {
		if c.Row == 0 {
			named = append(named, c.Streams.Main, c.Streams.Sub)
		}
	}
	return access.NewOutbound(named...)
}

// outward says which addresses of a table the box is not sent to.
func outward(out *access.Outbound, cameras []config.Camera) (wrong wall.SheetProblems) {
	for _, c := range cameras {
		for column, address := range map[string]string{"main": c.Streams.Main, "sub": c.Streams.Sub} {
			if address == "" {
				continue
			}
			if err := out.Check(address, "rtsp", "rtsps"); err != nil {
				wrong = append(wrong, wall.SheetProblem{Where: fmt.Sprintf("row %d, %s", c.Row, column), Text: err.Error()})
			}
		}
	}
	return wrong
}
