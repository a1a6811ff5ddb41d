package camera

import (
	"net"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtcp"
)

// handler answers the RTSP server's questions.
type handler struct{ camera *Camera }

func (h *handler) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	res, stream, err := h.admit(ctx.Conn, ctx.Request, ctx.Path)
	if stream == nil {
		return res, nil, err
	}
	if res.Body, err = h.camera.describe(h.camera.fault.Now().InBand); err != nil {
		return &base.Response{StatusCode: base.StatusInternalServerError}, nil, err
	}
	return res, nil, nil
}

func (h *handler) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return h.admit(ctx.Conn, ctx.Request, ctx.Path)
}

func (h *handler) admit(conn *gortsplib.ServerConn, req *base.Request, path string) (*base.Response, *gortsplib.ServerStream, error) {
	if d := h.camera.fault.AnswerDelay(); d > 0 {
		time.Sleep(d) // a slow camera; the library asks on the connection's own goroutine
	}
	ok := h.camera.authorized(conn, func(user, password string) bool { return conn.VerifyCredentials(req, user, password) })
	if !ok {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	h.camera.mu.Lock()
	defer h.camera.mu.Unlock()
	if !h.camera.serves(path) || h.camera.stream == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, h.camera.stream, nil
}

func (h *handler) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	h.camera.mu.Lock()
	defer h.camera.mu.Unlock()
	h.camera.readers[ctx.Session] = struct{}{}
	if h.camera.conf.Requests {
		ctx.Session.OnPacketRTCPAny(h.control)
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// control takes what a reader says.
func (h *handler) control(_ *description.Media, packet rtcp.Packet) {
	switch packet.(type) {
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		h.camera.mu.Lock()
		defer h.camera.mu.Unlock()
		h.camera.asked = true
	}
}

func (h *handler) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	h.camera.mu.Lock()
	defer h.camera.mu.Unlock()
	delete(h.camera.readers, ctx.Session)
}

// mutableListener accepts connections that swallow what is written while the
// camera is silent. The library writes whole messages, so the stream stays in
// step when the fault ends.
type mutableListener struct {
	net.Listener
	silent func() bool
}

func (l *mutableListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &mutableConn{Conn: conn, silent: l.silent}, nil
}

type mutableConn struct {
	net.Conn
	silent func() bool
}

func (c *mutableConn) Write(b []byte) (int, error) {
	if c.silent() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}
