package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// outside is the good station at an external broker.
func outside(mqtt string) []byte {
	return []byte(strings.Replace(good, ", password_file: P-001", "", 1) + "mqtt: " + mqtt + "\n")
}

func TestOneBrokerOwnOrExternal(t *testing.T) {
	dir := folder(t)
	c, err := Parse([]byte(good), dir, Supported{})
	require.NoError(t, err)
	require.False(t, c.MQTT.External())
	require.Equal(t, []string{":1883", ":8883"}, []string{c.MQTT.Listen, c.MQTT.TLS.Listen})

	c, err = Parse(outside(`{broker: "mqtts://broker.example:8883", username: box, password_file: P-001, ca_file: ca.pem}`), dir, Supported{})
	require.NoError(t, err)
	require.True(t, c.MQTT.External())
	require.Equal(t, []string{"", ""}, []string{c.MQTT.Listen, c.MQTT.TLS.Listen}, "the box's own is not opened")
	require.Equal(t, []string{dir + "/P-001", dir + "/ca.pem"}, []string{c.MQTT.PasswordFile, c.MQTT.CAFile})
}

func TestProblemsOfBrokers(t *testing.T) {
	for mqtt, want := range map[string]string{
		`{broker: "mqtt://b", listen: ":1883"}`:                 `mqtt.listen: ":1883" is of the box's own broker, and mqtt.broker names another; remove one of them`,
		`{broker: "mqtt://b", tls: {listen: ":8883"}}`:          "mqtt.tls.listen: ",
		`{broker: "mqtt://b", tls: {client_ca_file: P-001}}`:    "mqtt.tls.client_ca_file: ",
		`{broker: "b:1883"}`:                                    `mqtt.broker: "b:1883"; write it like mqtts://`,
		`{broker: "mqtt://u:p@b"}`:                              "mqtt.broker: holds credentials",
		`{broker: "mqtt://b", cert_file: P-001}`:                "mqtt.cert_file: needs key_file beside it",
		`{broker: "mqtt://b", password_file: P-001}`:            "mqtt.username: is empty beside mqtt.password_file",
		`{broker: "mqtt://b", username: u, password_file: P-2}`: "mqtt.password_file: ",
		`{username: u}`:                   `mqtt.username: "u" has no meaning without mqtt.broker`,
		`{listen: "", tls: {listen: ""}}`: "mqtt.listen: is empty, and mqtt.tls.listen and mqtt.broker too",
	} {
		_, err := Parse(outside(mqtt), folder(t), Supported{})
		require.ErrorContains(t, err, want, mqtt)
	}
	_, err := Parse([]byte(good+`
mqtt: {broker: "mqtt://b"}
persons: [{id: wu, password_file: P-001}]
routing: {partners: [{id: lights, kind: mqtt, password_file: P-001}]}
`), folder(t), Supported{})
	for _, key := range []string{"pillars[0]", "persons[0]", "routing.partners[0]"} {
		require.ErrorContains(t, err, key+".password_file: ")
	}
	require.ErrorContains(t, err, "has no meaning with mqtt.broker: that broker knows its passwords; remove it")
}
