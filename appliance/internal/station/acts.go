package station

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
)

// acts are what needs two leads, besides what the wall knows itself.
func (s *Station) acts() map[string]wall.Act {
	return map[string]wall.Act{
		wall.ActErase:       {Check: s.erasable, Do: s.eraseByLaw},
		wall.ActReleaseHold: {Check: s.releasable, Do: s.releaseHold},
	}
}

// eventOf reads {lane}/{sequence}.
func eventOf(subject string) (bridge.Lane, uint64, error) {
	lane, number, _ := strings.Cut(subject, "/")
	sequence, err := strconv.ParseUint(number, 10, 64)
	if err != nil || sequence == 0 || bridge.Lane(lane).Code() == 0 {
		return "", 0, &desk.InvalidError{Field: "subject", Value: subject, Remedy: "{lane}/{sequence} of one event, like alarm/42"}
	}
	return bridge.Lane(lane), sequence, nil
}

// erasable finds the event that is meant: it must be there, with data.
func (s *Station) erasable(_ context.Context, subject string) error {
	lane, sequence, err := eventOf(subject)
	if err != nil {
		return err
	}
	found, err := s.journal.ReadLane(lane, sequence-1, 1)
	if err != nil {
		return fmt.Errorf("find event %s: %w", subject, err)
	}
	if len(found) == 0 || found[0].Event.Sequence != fmt.Sprintf("%020d", sequence) {
		return &desk.NotFoundError{What: "event", ID: subject}
	}
	if len(found[0].Event.Data) == 0 {
		return &desk.InvalidError{Field: "subject", Value: subject, Remedy: "an event that has data: of this one it was erased"}
	}
	return nil
}

// eraseByLaw writes the decision; the worker of retention carries it out when
// checkpoints cover the event.
func (s *Station) eraseByLaw(ctx context.Context, a desk.Approval) error {
	lane, sequence, err := eventOf(a.Subject)
	if err != nil {
		return err
	}
	_, err = s.desk.Handle(ctx, desk.ErasedIn{
		Lane: lane, Sequence: sequence, By: desk.Actor{Name: a.By, Role: string(access.Lead)}, Second: a.Second, Reason: a.Reason,
	})
	return err
}
