package wall

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// sheetMaxBytes bounds an imported table; the server takes no larger body.
const sheetMaxBytes = bodyMaxBytes

// sheets is the table of cameras.
type sheets interface {
	// Export is all cameras as CSV for Excel, without passwords.
	Export() ([]byte, error)
	// Asked is what a table asks for, without passwords: by it a repeated call
	// is known. Empty of what is no table.
	Asked(table []byte) []byte
	// Import takes a table whole or, with SheetProblems as its error, not at
	// all. With replace, imported cameras that are not in it go.
	Import(ctx context.Context, table []byte, replace bool, by desk.Actor) (SheetChange, error)
}

// SheetChange is what an import changed, by camera id.
type SheetChange struct {
	Added   []string `json:"added"`
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
	// Restart says that the change is in force after the next start.
	Restart bool `json:"restart"`
}

// SheetProblem is one thing wrong with a table.
type SheetProblem struct {
	Where string `json:"where"` // row and column, as a spreadsheet counts
	Text  string `json:"text"`
}

// SheetProblems are all of them.
type SheetProblems []SheetProblem

func (p SheetProblems) Error() string { return p[0].Where + ": " + p[0].Text }

type sheetAnswer struct {
	AsOf string `json:"as_of"`
	SheetChange
	// Repeated: it was imported under this key before. Nothing was done again.
	Repeated bool `json:"repeated"`
}

func (s *Server) exportCameras(c *fiber.Ctx, who caller) error {
	table, err := s.o.Sheets.Export()
	if err != nil {
		return err
	}
	if c.Method() != fiber.MethodHead {
		if _, err := s.record(desk.AccessIn{Kind: "exported", By: who.actor(), Remote: who.remote, Why: "cameras.csv"}); err != nil {
			return err
		}
	}
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="cameras.csv"`)
	return sendBytes(c, "text/csv; charset=utf-8", table)
}

func (s *Server) importCameras(c *fiber.Ctx, who caller) error {
	if len(c.Body()) == 0 || len(c.Body()) > sheetMaxBytes {
		return fault(http.StatusBadRequest, "body_invalid", "send the table as CSV", "the body is empty or larger than %d bytes", sheetMaxBytes)
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	table, replace := slices.Clone(c.Body()), c.QueryBool("replace")
	once, err := s.once(c, who, "imported", "cameras.csv", replace, desk.Digest(s.o.Sheets.Asked(table)))
	if err != nil {
		return err
	}
	if once.done { // another table may have come since: this one is not written over it
		return s.sheetDone(c, s.o.Journal.Last(), SheetChange{}, true)
	}
	ctx, cancel := s.within()
	defer cancel()
	change, err := s.o.Sheets.Import(ctx, table, replace, who.actor())
	var wrong SheetProblems
	if errors.As(err, &wrong) {
		p := fault(http.StatusUnprocessableEntity, "table_invalid", "mend all of these and import again: nothing was imported", "%d things in the table cannot be taken", len(wrong))
		p.Problems = wrong
		return p
	}
	if err != nil {
		return err
	}
	place, err := s.record(desk.AccessIn{
		Kind: "imported", By: who.actor(), From: time.Now(), Remote: who.remote, Why: "cameras.csv", Idempotency: once.key, Asked: once.asked,
		Note: fmt.Sprintf("added %d, changed %d, removed %d", len(change.Added), len(change.Changed), len(change.Removed)),
	})
	if err != nil {
		return err
	}
	return s.sheetDone(c, place, change, false)
}

func (s *Server) sheetDone(c *fiber.Ctx, place uint64, change SheetChange, repeated bool) error {
	change.Added, change.Changed, change.Removed = full(change.Added), full(change.Changed), full(change.Removed)
	return s.answer(c, http.StatusOK, place, sheetAnswer{AsOf: s.asOf(place), SheetChange: change, Repeated: repeated})
}
