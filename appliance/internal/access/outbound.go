package access

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// ErrOutbound is the refusal of an address that the box must not be sent to by
// somebody at the wall.
var ErrOutbound = errors.New("the box is not sent there from the wall; put the address into the configuration file if it is meant")

// Outbound holds addresses that come from the wall (a camera, a webhook, an
// upload) away from the box itself, from its link and from where clouds keep
// their secrets. What the configuration file names is allowed: who may write
// it may do everything.
type Outbound struct{ configured []string } // host:port or host

// NewOutbound allows the hosts of the addresses that the configuration names.
func NewOutbound(configured ...string) *Outbound {
	o := &Outbound{}
	for _, text := range configured {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			o.configured = append(o.configured, strings.ToLower(u.Host))
		}
	}
	return o
}

// refusedNets are, besides loopback, link-local, multicast and unspecified
// addresses: 0.0.0.0/8 (this network, RFC 791), 100.100.100.200 and 168.63.129.16
// and fd00:ec2::254 (metadata of clouds; the others are link-local), 240.0.0.0/4
// with broadcast (reserved, RFC 1112), and 64:ff9b::/96 and 2002::/16, which
// carry IPv4 addresses inside.
func refusedNets() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128", "240.0.0.0/4", "64:ff9b::/96", "2002::/16", "::/96",
	} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// refused reports whether an address must not be dialled.
func refused(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return !addr.IsValid() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified() ||
		slices.ContainsFunc(refusedNets(), func(n netip.Prefix) bool { return n.Contains(addr) })
}

// Check looks at an address as it was typed: its scheme is one of schemes, it
// holds no credentials, and it does not name a refused address. A name is
// looked up when it is dialled (DialContext): what it says now proves nothing.
func (o *Outbound) Check(text string, schemes ...string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || !slices.Contains(schemes, u.Scheme):
		return &FieldError{"url", text, strings.Join(schemes, " or ") + "://host"}
	case u.User != nil:
		return &FieldError{"url", u.Redacted(), "no name and password in it: they have fields of their own"}
	case o.allows(u.Host):
		return nil
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return fmt.Errorf("address %s: %w", u.Host, ErrOutbound)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if refused(addr) {
			return fmt.Errorf("address %s: %w", u.Host, ErrOutbound)
		}
		return nil
	}
	// 2130706433 and 0x7f.1 are names to a parser and 127.0.0.1 to a resolver.
	if last := host[strings.LastIndexByte(host, '.')+1:]; last == "" || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return &FieldError{"url", text, "an IP address in its usual form, or a name"}
	}
	return nil
}

func (o *Outbound) allows(host string) bool {
	return slices.Contains(o.configured, strings.ToLower(host))
}

// DialContext dials, like net.Dialer, after the name was looked up: each address
// that is tried is checked, so that a name which turns to another address in
// between leads nowhere either.
func (o *Outbound) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if !o.allows(address) {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || refused(at.Addr()) {
				return fmt.Errorf("address %s: %w", address, ErrOutbound)
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, address)
}
