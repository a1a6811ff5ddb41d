// Package upload sends clip bytes to headquarters over tus 1.0, resumable and
// rate-capped.
//
// It owns where each unfinished upload stands: the receiver's location, kept
// in a small file, so that a crash or an outage resumes at the receiver's
// offset. It refuses to delete or change a source, and to decide what is sent
// first: that is the caller's. A failure of the line is an error to try again;
// a Refused error is the receiver's word on these bytes, and final.
package upload

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// chunkBytes is the largest body of one PATCH: small enough for a proxy's
// limits and for an outage to cost little, large enough to be few.
const chunkBytes = 4 << 20

// sliceBytes is how much is read between two looks at the rate.
const sliceBytes = 16 << 10

// idleAfter ends an attempt at which nothing moves: a receiver may accept the
// connection and be dead behind it.
const idleAfter = time.Minute

// statusChecksum is tus's answer to bytes that are not what was announced.
const statusChecksum = 460

// Job is one file to send.
type Job struct {
	ID       string // unique and stable: names the unfinished upload
	Path     string
	Metadata map[string]string // sent with the creation (tus "Upload-Metadata")
}

// Refused is the receiver's final word on a job: its bytes are not wanted.
type Refused struct {
	Status int
	Body   string
}

func (e *Refused) Error() string {
	return fmt.Sprintf("receiver answered %d: %s", e.Status, e.Body)
}

// Options for New.
type Options struct {
	URL  string        // of the creation, contracts.md `upload.url`
	Dir  string        // where unfinished uploads are remembered
	Rate int64         // bits per second; 0 is unlimited
	Idle time.Duration // without a byte either way: the attempt is given up; 0 is a minute
	HTTP *http.Client
}

// Client sends jobs. Send may be called from several goroutines; they share
// the rate.
type Client struct {
	url     string
	dir     string
	http    *http.Client
	idle    time.Duration
	limiter *rate.Limiter
}

// New makes a client. It does no I/O.
func New(o Options) *Client {
	c := &Client{url: o.URL, dir: o.Dir, http: o.HTTP, idle: o.Idle, limiter: rate.NewLimiter(rate.Inf, sliceBytes)}
	if c.http == nil {
		c.http = &http.Client{Transport: &http.Transport{IdleConnTimeout: time.Minute}}
	}
	if c.idle <= 0 {
		c.idle = idleAfter
	}
	if o.Rate > 0 {
		c.limiter = rate.NewLimiter(rate.Limit(float64(o.Rate)/8), sliceBytes)
	}
	return c
}

// Send brings the whole file to the receiver and returns its location there.
// It resumes what an earlier call began, and knows what one finished until
// Forget. An error means: call again, unless it is Refused.
func (c *Client) Send(ctx context.Context, job Job) (string, error) {
	location, err := c.send(ctx, job)
	var refused *Refused
	if errors.As(err, &refused) && refused.Status == statusChecksum {
		return c.send(ctx, job) // damaged on its way, or there: it begins anew, once
	}
	return location, err
}

func (c *Client) send(ctx context.Context, job Job) (string, error) {
	f, err := os.Open(job.Path)
	if err != nil {
		return "", fmt.Errorf("open upload %s: %w", job.ID, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("stat upload %s: %w", job.ID, err)
	}
	location, offset, err := c.resume(ctx, job, info.Size())
	if err != nil {
		return "", err
	}
	for offset < info.Size() {
		offset, err = c.patch(ctx, location, f, offset, min(chunkBytes, info.Size()-offset))
		if err != nil {
			c.forgetIfFinal(job, err)
			return "", fmt.Errorf("send upload %s: %w", job.ID, err)
		}
	}
	return location, nil
}

// resume finds the receiver's offset of an upload begun earlier, or creates it.
func (c *Client) resume(ctx context.Context, job Job, size int64) (string, int64, error) {
	location := c.remembered(job, size)
	if location != "" {
		offset, length, err := c.head(ctx, location)
		switch {
		case err == nil && length == size:
			return location, offset, nil
		case err != nil && !gone(err):
			return "", 0, fmt.Errorf("ask offset of upload %s: %w", job.ID, err)
		}
	}
	location, err := c.create(ctx, job, size)
	if err != nil {
		return "", 0, fmt.Errorf("create upload %s: %w", job.ID, err)
	}
	return location, 0, c.remember(job, size, location)
}

func (c *Client) create(ctx context.Context, job Job, size int64) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("Upload-Length", strconv.FormatInt(size, 10))
	req.Header.Set("Upload-Metadata", metadata(job.Metadata))
	res, err := c.do(req, http.StatusCreated)
	if err != nil {
		return "", err
	}
	base, err := url.Parse(c.url)
	if err != nil {
		return "", err
	}
	at, err := base.Parse(res.Header.Get("Location"))
	if err != nil || res.Header.Get("Location") == "" {
		return "", fmt.Errorf("receiver's location %q is no address", res.Header.Get("Location"))
	}
	return at.String(), nil
}

func (c *Client) head(ctx context.Context, location string) (offset, length int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, location, http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	res, err := c.do(req, http.StatusOK, http.StatusNoContent)
	if err != nil {
		return 0, 0, err
	}
	if offset, err = strconv.ParseInt(res.Header.Get("Upload-Offset"), 10, 64); err != nil {
		return 0, 0, fmt.Errorf("receiver's Upload-Offset %q is no number", res.Header.Get("Upload-Offset"))
	}
	if length, err = strconv.ParseInt(res.Header.Get("Upload-Length"), 10, 64); err != nil {
		return 0, 0, fmt.Errorf("receiver's Upload-Length %q is no number", res.Header.Get("Upload-Length"))
	}
	if offset < 0 || offset > length {
		return 0, 0, fmt.Errorf("receiver's Upload-Offset %d is not within 0 and %d", offset, length)
	}
	return offset, length, nil
}

func (c *Client) patch(ctx context.Context, location string, f io.ReaderAt, offset, n int64) (int64, error) {
	body := &paced{ctx: ctx, r: io.NewSectionReader(f, offset, n), limiter: c.limiter}
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, location, body)
	if err != nil {
		return offset, err
	}
	req.ContentLength = n
	req.Header.Set("Content-Type", "application/offset+octet-stream")
	req.Header.Set("Upload-Offset", strconv.FormatInt(offset, 10))
	res, err := c.do(req, http.StatusNoContent)
	if err != nil {
		return offset, err
	}
	next, err := strconv.ParseInt(res.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || next <= offset || next > offset+n {
		return offset, fmt.Errorf("receiver's Upload-Offset %q after %d bytes at %d", res.Header.Get("Upload-Offset"), n, offset)
	}
	return next, nil
}

// statusError is an answer other than the wanted one.
type statusError struct {
	method string
	status int
	body   string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answered %d %s", e.method, e.status, e.body)
}

func gone(err error) bool {
	var s *statusError
	return errors.As(err, &s) && (s.status == http.StatusNotFound || s.status == http.StatusGone)
}

// final lists the answers that speak of the bytes and not of the line
// (contracts.md "Failing").
func final(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity || status == statusChecksum
}

func (c *Client) do(req *http.Request, want ...int) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	idle := time.AfterFunc(c.idle, func() { cancel(fmt.Errorf("nothing moved for %s", c.idle)) })
	defer idle.Stop()
	if body, is := req.Body.(*paced); is {
		body.moved = func() { idle.Reset(c.idle) }
	}
	req = req.WithContext(ctx)
	req.Header.Set("Tus-Resumable", "1.0.0")
	res, err := c.http.Do(req)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 512)) // only for the message
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if slices.Contains(want, res.StatusCode) {
		return res, nil
	}
	text := strings.TrimSpace(string(body))
	if final(res.StatusCode) {
		return nil, &Refused{Status: res.StatusCode, Body: text}
	}
	return nil, &statusError{method: req.Method, status: res.StatusCode, body: text}
}

func metadata(m map[string]string) string {
	pairs := make([]string, 0, len(m))
	for k, v := range m {
		pairs = append(pairs, k+" "+base64.StdEncoding.EncodeToString([]byte(v)))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}

// paced reads no faster than the limiter allows.
type paced struct {
	ctx     context.Context
	r       io.Reader
	limiter *rate.Limiter
	moved   func() // called after every read
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.r.Read(b[:min(len(b), sliceBytes)])
	if n > 0 {
		if waitErr := p.limiter.WaitN(p.ctx, n); waitErr != nil {
			return n, waitErr
		}
	}
	p.moved()
	return n, err
}

// Close implements io.Closer; the file is Send's to close.
func (p *paced) Close() error { return nil }

// unfinished is what is remembered of an upload between calls.
type unfinished struct {
	ID       string `json:"id"`
	Size     int64  `json:"size"`
	Location string `json:"location"`
}

func (c *Client) file(id string) string {
	sum := sha256.Sum256([]byte(id))
	return filepath.Join(c.dir, hex.EncodeToString(sum[:12])+".json")
}

// remembered is the location of an upload begun earlier, or "": a torn or
// foreign file only costs sending again.
func (c *Client) remembered(job Job, size int64) string {
	b, err := os.ReadFile(c.file(job.ID))
	if err != nil {
		return ""
	}
	var u unfinished
	if json.Unmarshal(b, &u) != nil || u.ID != job.ID || u.Size != size {
		return ""
	}
	return u.Location
}

func (c *Client) remember(job Job, size int64, location string) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("remember upload %s: %w", job.ID, err)
	}
	b, err := json.Marshal(unfinished{ID: job.ID, Size: size, Location: location})
	if err != nil {
		return fmt.Errorf("remember upload %s: %w", job.ID, err)
	}
	temp := c.file(job.ID) + ".tmp"
	if err := os.WriteFile(temp, b, 0o600); err != nil {
		return fmt.Errorf("remember upload %s: %w", job.ID, err)
	}
	if err := os.Rename(temp, c.file(job.ID)); err != nil {
		return fmt.Errorf("remember upload %s: %w", job.ID, err)
	}
	return nil
}

// Forget ends what is remembered of a job that is over: sent and noted by the
// caller, or never to be sent. One that is not known is no error.
func (c *Client) Forget(id string) error {
	if err := os.Remove(c.file(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget upload %s: %w", id, err)
	}
	return nil
}

// forgetIfFinal lets a refused job begin anew, should it ever be sent again.
func (c *Client) forgetIfFinal(job Job, err error) {
	var refused *Refused
	if errors.As(err, &refused) || gone(err) {
		_ = c.Forget(job.ID) // the worst is one more HEAD
	}
}
