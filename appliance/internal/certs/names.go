package certs

import (
	"net"
	"os"
	"regexp"
	"slices"
)

// Names are the DNS names of this machine: its own, localhost, and more. What
// is no name of a host is left out.
func Names(more ...string) []string {
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil {
		more = append(more, host)
	}
	valid := regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`) // RFC 1123, section 2.1
	for _, name := range more {
		if valid.MatchString(name) && net.ParseIP(name) == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Addresses are the IP addresses of this machine, loopback first, and more.
// Link-local ones are left out: nobody opens the wall by them.
func Addresses(more ...string) []string {
	addresses := []string{"127.0.0.1", "::1"}
	if all, err := net.InterfaceAddrs(); err == nil {
		for _, a := range all {
			if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
				more = append(more, ip.IP.String())
			}
		}
	}
	for _, a := range more {
		if net.ParseIP(a) != nil && !slices.Contains(addresses, a) {
			addresses = append(addresses, a)
		}
	}
	return addresses
}
