package wall

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Lane local is who did what in the room. It leaves the box only as an export
// by a lead.

const (
	auditBatch   = 500
	auditScanMax = 20_000 // events looked at for one page: a rare filter gets a short page and a cursor
	accessPrefix = "watchpost.access."
)

// auditAnswer is one line of the audit.
type auditAnswer struct {
	Sequence uint64       `json:"sequence"`
	ID       string       `json:"id"`
	Recorded bridge.Stamp `json:"recorded_at"`
	Kind     string       `json:"kind"` // login, refused, …
	By       string       `json:"by"`
	Role     string       `json:"role"`
	Camera   string       `json:"camera"`
	From     bridge.Stamp `json:"from"`
	To       bridge.Stamp `json:"to"`
	Remote   string       `json:"remote"`
	Why      string       `json:"why"`
	Note     string       `json:"note"`
}

func toAudit(r bridge.Record) (auditAnswer, error) {
	sequence, err := strconv.ParseUint(r.Event.Sequence, 10, 64)
	if err != nil {
		return auditAnswer{}, fmt.Errorf("read sequence of event %s: %w", r.Event.ID, err)
	}
	line := auditAnswer{Sequence: sequence, ID: r.Event.ID, Recorded: r.Event.RecordedTime, Kind: strings.TrimPrefix(r.Event.Type, accessPrefix)}
	if len(r.Event.Data) == 0 || !strings.HasPrefix(r.Event.Type, accessPrefix) {
		return line, nil
	}
	var data desk.AccessFact
	if err := json.Unmarshal(r.Event.Data, &data); err != nil {
		return auditAnswer{}, fmt.Errorf("read data of event %s: %w", r.Event.ID, err)
	}
	line.By, line.Role, line.Camera, line.From, line.To = data.By, data.Role, data.Camera, data.From, data.To
	line.Remote, line.Why, line.Note = data.Remote, data.Why, data.Note
	return line, nil
}

// auditFilter is what a page asks for.
type auditFilter struct{ kind, by, camera string }

func (f auditFilter) fits(line auditAnswer) bool {
	return (f.kind == "" || line.Kind == f.kind) && (f.by == "" || line.By == f.by) && (f.camera == "" || line.Camera == f.camera)
}

// audit lists who logged in, was refused, looked, exported and decided, newest
// first. The cursor is the sequence of the last event that was looked at.
func (s *Server) audit(c *fiber.Ctx, _ caller) error {
	limit, err := pageLimit(c)
	if err != nil {
		return err
	}
	place, before := s.o.Journal.Last(), s.o.Journal.LastSequence(bridge.Local)+1
	if text := c.Query("cursor"); text != "" {
		if before, err = strconv.ParseUint(text, 10, 64); err != nil {
			return badField(http.StatusBadRequest, "cursor_invalid", "cursor", text, "the cursor of the page before; begin anew without one")
		}
	}
	filter := auditFilter{c.Query("kind"), c.Query("by"), c.Query("camera")}
	body := pageAnswer[auditAnswer]{AsOf: s.asOf(place), Items: []auditAnswer{}}
	for scanned := 0; before > 1 && len(body.Items) < limit && scanned < auditScanMax; {
		records, err := s.localBefore(before)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			before = 1 // what is older was retired
			break
		}
		for _, r := range slices.Backward(records) {
			line, err := toAudit(r)
			if err != nil {
				return err
			}
			before = line.Sequence
			scanned++
			if strings.HasPrefix(r.Event.Type, accessPrefix) && filter.fits(line) {
				body.Items = append(body.Items, line)
			}
			if len(body.Items) == limit {
				break
			}
		}
	}
	if before > 1 {
		body.Cursor = strconv.FormatUint(before, 10)
	}
	return s.answer(c, http.StatusOK, place, body)
}

// localBefore are the newest events of lane local before a sequence, in order.
func (s *Server) localBefore(before uint64) ([]bridge.Record, error) {
	after := uint64(0)
	if before > auditBatch+1 {
		after = before - auditBatch - 1
	}
	records, err := s.o.Journal.ReadLane(bridge.Local, after, int(before-after-1))
	var retired *bridge.RetiredError
	if errors.As(err, &retired) {
		if retired.Through+1 >= before {
			return nil, nil
		}
		return s.o.Journal.ReadLane(bridge.Local, retired.Through, int(before-retired.Through-1))
	}
	return records, err
}

// endOfTime is later than any event: the last time that RFC 3339 can write.
var endOfTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// auditExport writes lane local between two times: as JSON lines, each an event
// with its hashes, so that the chain can be checked; or as a table. That it was
// taken is in the journal before its first byte leaves.
func (s *Server) auditExport(write func(io.Writer, tongue) auditWriter, kind, suffix string) handler {
	return func(c *fiber.Ctx, who caller) error {
		words, err := tongueOf(c)
		if err != nil {
			return err
		}
		from, err := parseTime("from", c.Query("from"), time.Time{})
		if err != nil {
			return err
		}
		to, err := parseTime("to", c.Query("to"), time.Now())
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, kind)
		c.Set(fiber.HeaderContentDisposition, `attachment; filename="audit-`+to.UTC().Format("20060102-150405")+suffix+`"`)
		if c.Method() == fiber.MethodHead {
			return c.SendStatus(http.StatusOK)
		}
		if _, err := s.record(desk.AccessIn{
			Kind: "exported", By: who.actor(), From: from, To: to, Remote: who.remote, Why: "audit as " + strings.TrimPrefix(suffix, "."),
		}); err != nil {
			return err
		}
		if c.Query("to") == "" { // all there is, the export itself among it
			to = endOfTime
		}
		last := s.o.Journal.LastSequence(bridge.Local)
		ctx, cancel := context.WithCancel(s.ctx)
		read, written := io.Pipe()
		s.streams.Go(func() {
			out := bufio.NewWriter(written)
			err := s.writeAudit(ctx, write(out, words), from, to, last)
			if err == nil {
				err = out.Flush()
			}
			if err != nil {
				s.o.Log.Error("audit not sent whole", "by", who.name, "err", err)
			}
			written.CloseWithError(err) // the connection breaks: a part must not look like the whole
		})
		c.Context().SetBodyStream(&bundle{PipeReader: read, cancel: cancel}, -1)
		return nil
	}
}

// auditWriter writes one event a line.
type auditWriter interface {
	line(r bridge.Record) error
	end() error
}

func (s *Server) writeAudit(ctx context.Context, w auditWriter, from, to time.Time, last uint64) error {
	after := uint64(0)
	for after < last && ctx.Err() == nil {
		records, err := s.o.Journal.ReadLane(bridge.Local, after, auditBatch)
		var retired *bridge.RetiredError
		if errors.As(err, &retired) && retired.Through > after {
			after = retired.Through
			continue
		}
		if err != nil || len(records) == 0 {
			return errors.Join(err, w.end())
		}
		for _, r := range records {
			after++
			if at := r.Event.RecordedTime; at.Before(from) || at.After(to) || after > last {
				continue
			}
			if err := w.line(r); err != nil {
				return err
			}
		}
	}
	return errors.Join(ctx.Err(), w.end())
}

type auditLines struct{ *json.Encoder }

func newAuditLines(w io.Writer, _ tongue) auditWriter { return auditLines{json.NewEncoder(w)} }

func (a auditLines) line(r bridge.Record) error { return a.Encode(r.Event) }
func (a auditLines) end() error                 { return nil }

type auditTable struct {
	*csv.Writer
	words tongue
}

// newAuditTable begins with a byte order mark, by which spreadsheets know that
// it is UTF-8.
func newAuditTable(w io.Writer, words tongue) auditWriter {
	_, _ = io.WriteString(w, "\ufeff") // an error comes again with the first line
	t := auditTable{csv.NewWriter(w), words}
	_ = t.Write(words.head(auditHead()))
	return t
}

func auditHead() []string {
	return []string{"sequence", "recorded_at", "type", "by", "role", "camera", "from", "to", "remote", "why", "note", "id", "prevhash", "datahash", "hash"}
}

func (t auditTable) line(r bridge.Record) error {
	a, err := toAudit(r)
	if err != nil {
		return err
	}
	row := []string{
		strconv.FormatUint(a.Sequence, 10), a.Recorded.String(), t.words.event(r.Event.Type), a.By, t.words.page(a.Role, "role"), a.Camera, a.From.String(), a.To.String(),
		a.Remote, t.words.why(a.Why), t.words.why(a.Note), r.Event.ID, r.Event.PrevHash, r.Event.DataHash, r.Event.Hash(),
	}
	for i, cell := range row {
		row[i] = plainCell(cell)
	}
	return t.Write(row)
}

func (t auditTable) end() error {
	t.Flush()
	return t.Error()
}

// plainCell keeps a spreadsheet from calculating with what strangers wrote: a
// name that was tried at the login may begin with =, or with its wide form,
// which East Asian spreadsheets take for the same.
func plainCell(text string) string {
	if first, _ := utf8.DecodeRuneInString(text); text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}
