package station

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	mqttuplink "github.com/watchpost-edge/watchpost/bridge/uplink/mqtt"
	natsuplink "github.com/watchpost-edge/watchpost/bridge/uplink/nats"
	webhookuplink "github.com/watchpost-edge/watchpost/bridge/uplink/webhook"
)

func TestUplinksOfEveryKindAreMade(t *testing.T) {
	s := &Station{cfg: &config.Config{Station: config.Station{ID: "jingdong", Box: "a"}}, log: slog.New(slog.DiscardHandler)}
	for kind, u := range map[string]config.Uplink{
		"mqtt":    {URL: "mqtt://127.0.0.1:1883"},
		"webhook": {URL: "https://127.0.0.1/events", SecretFile: "secret"},
		"nats":    {URL: "nats://127.0.0.1:4222", Stream: "STATIONS"},
	} {
		u.Kind = kind
		up, err := s.makeUplink(u)
		require.NoError(t, err, kind)
		switch kind {
		case "mqtt":
			require.IsType(t, &mqttuplink.Uplink{}, up)
		case "webhook":
			require.IsType(t, &webhookuplink.Uplink{}, up)
		case "nats":
			require.IsType(t, &natsuplink.Uplink{}, up)
		}
		u.URL = "ftp://127.0.0.1"
		_, err = s.makeUplink(u)
		require.Error(t, err, kind)
	}
	_, err := s.makeUplink(config.Uplink{Kind: "pigeon"})
	require.ErrorContains(t, err, "pigeon")
}
