package config

// mqttListen is where the embedded broker listens unless the configuration
// says otherwise.
const mqttListen = ":1883"

// completeBroker opens the embedded broker unless another one is named.
func (c *Config) completeBroker(abs func(*string), ps *Problems) {
	m := &c.MQTT
	for _, listen := range []*string{&m.Listen, &m.TLS.Listen} {
		if m.External() && *listen == unsaid {
			*listen = ""
		}
	}
	if m.Listen == unsaid {
		m.Listen = mqttListen
	}
	for _, path := range []*string{&m.PasswordFile, &m.CAFile, &m.CertFile, &m.KeyFile} {
		abs(path)
	}
	secret(m.PasswordFile, "mqtt.password_file", ps)
}

// validateBroker: there is one broker, the box's own or another's.
func (c *Config) validateBroker(ps *Problems) {
	m := &c.MQTT
	if !m.External() {
		if m.Listen == "" && m.TLS.Listen == "" {
			ps.add("mqtt.listen", "is empty, and mqtt.tls.listen and mqtt.broker too; pillars need one of them")
		}
		for key, value := range map[string]string{"username": m.Username, "password_file": m.PasswordFile, "ca_file": m.CAFile, "cert_file": m.CertFile, "key_file": m.KeyFile} {
			if value != "" {
				ps.add("mqtt."+key, "%q has no meaning without mqtt.broker; remove it, or name the broker", value)
			}
		}
		return
	}
	address("mqtt.broker", m.Broker, []string{"mqtt", "mqtts"}, ps)
	pair("mqtt", m.CertFile, m.KeyFile, ps)
	if m.PasswordFile != "" && m.Username == "" {
		ps.add("mqtt.username", "is empty beside mqtt.password_file; write the name that the broker knows the box by")
	}
	for key, value := range map[string]string{
		"mqtt.listen": m.Listen, "mqtt.tls.listen": m.TLS.Listen, "mqtt.tls.cert_file": m.TLS.CertFile, "mqtt.tls.key_file": m.TLS.KeyFile, "mqtt.tls.client_ca_file": m.TLS.ClientCAFile,
	} {
		if value != "" {
			ps.add(key, "%q is of the box's own broker, and mqtt.broker names another; remove one of them", value)
		}
	}
}

// needlessPassword: who may connect to an external broker is its own business.
func needlessPassword(key, file string, ps *Problems) {
	if file != "" {
		ps.add(key+".password_file", "%q has no meaning with mqtt.broker: that broker knows its passwords; remove it", file)
	}
}
