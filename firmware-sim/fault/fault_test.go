package fault_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
)

func TestSameSeedSameDice(t *testing.T) {
	losing, err := fault.Named("losing")
	require.NoError(t, err)
	throw := func(seed uint64, subject string) []bool {
		i := fault.NewInjector(seed, subject)
		i.Set(losing, 0)
		var got []bool
		for range 200 {
			got = append(got, i.DropPacket())
		}
		return got
	}
	require.Equal(t, throw(7, "gate"), throw(7, "gate"))
	require.NotEqual(t, throw(7, "gate"), throw(8, "gate"))
	require.NotEqual(t, throw(7, "gate"), throw(7, "yard"))
	require.Contains(t, throw(7, "gate"), true)
	require.Contains(t, throw(7, "gate"), false)
}

func TestFaultEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent, err := fault.Named("silent")
		require.NoError(t, err)
		i := fault.NewInjector(1, "gate")
		require.False(t, i.Silent())
		i.Set(silent, 3*time.Second)
		require.True(t, i.Silent())
		require.Equal(t, "silent", i.Status().Name)
		<-time.After(4 * time.Second) // virtual
		require.False(t, i.Silent())
		require.Equal(t, fault.None, i.Status().Name)
	})
}

func TestUnknownFaultNamesTheKnown(t *testing.T) {
	_, err := fault.Named("sleepy")
	require.EqualError(t, err, `find fault "sleepy": want one of none, silent, slow, closing, expiring, losing, reordering, corrupting, jumping, wrapping, frozen, keyless, resizing, refusing, in_band, undated, misdated`)
}

func TestPortRefusesWhileClosedAndComesBack(t *testing.T) {
	port, err := fault.NewPort("127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, port.Release()) }()

	for range 3 {
		_, err = net.Dial("tcp4", port.Addr())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)

		ln, err := port.Listen()
		require.NoError(t, err)
		conn, err := net.Dial("tcp4", port.Addr())
		require.NoError(t, err)
		peer, err := ln.Accept()
		require.NoError(t, err)
		_, err = conn.Write([]byte("hello"))
		require.NoError(t, err)
		_, err = io.ReadFull(peer, make([]byte, 5))
		require.NoError(t, err)
		require.NoError(t, ln.Close())

		port.Kill()
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.NoError(t, conn.Close())
	}
}

func TestPortTakenByAListener(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	_, err = fault.NewPort(ln.Addr().String())
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.False(t, errors.Is(err, io.EOF))
}
