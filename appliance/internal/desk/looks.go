package desk

import (
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

// OpenLook is somebody's look at a camera of which no end is recorded.
type OpenLook struct {
	By     string       `json:"by"`
	Role   string       `json:"role"`
	Camera string       `json:"camera"`
	From   bridge.Stamp `json:"from"`
	Remote string       `json:"remote"`
	Why    string       `json:"why"`
}

// accessed keeps which looks are open. The list is made anew with every change.
func (s *State) accessed(e *bridge.Event, data *AccessFact) {
	one := OpenLook{By: data.By, Role: data.Role, Camera: data.Camera, From: data.From, Remote: data.Remote, Why: data.Why}
	if e.Type == TypeLookOpened {
		s.k.Looks = append(slices.Clone(s.k.Looks), one)
		return
	}
	same := func(l OpenLook) bool {
		began := l.From
		l.From = one.From
		return l == one && began.Equal(one.From.Time)
	}
	if i := slices.IndexFunc(s.k.Looks, same); i >= 0 {
		s.k.Looks = slices.Delete(slices.Clone(s.k.Looks), i, i+1)
	}
}

// OpenLooks are the looks whose end is not recorded: when the box starts, those
// that it went down with.
func (s *State) OpenLooks() []OpenLook { return s.k.Looks }

// Told reports whether the event tells of the same request: one of its kind, and
// of the same digest.
func Told(e bridge.Event, kind, asked string) bool {
	data, err := decode[AccessFact](&e)
	return err == nil && e.Type == accessPrefix+kind && (data == nil || data.Asked == asked)
}

// access records who looked, logged in or was refused: lane local.
func (t *step) access(in AccessIn, hit *bridge.Record) error {
	if err := oneOf("kind", in.Kind, accessKinds()...); err != nil {
		return err
	}
	if hit != nil {
		if !Told(hit.Event, in.Kind, in.Asked) {
			return usedKey(in.Idempotency)
		}
		t.answer.Duplicate = true
		return nil
	}
	if err := texts("idempotency_key", in.Idempotency); err != nil {
		return err
	}
	data := AccessFact{
		Schema: schema, By: cut(in.By.Name), Role: in.By.Role, Camera: cut(in.Camera), Remote: cut(in.Remote), Why: cut(in.Why),
		From: bridge.At(in.From), To: bridge.At(in.To), Note: cut(in.Note), Asked: cut(in.Asked),
	}
	t.add(bridge.Draft{Type: accessPrefix + in.Kind, Subject: "users/" + data.By, Lane: bridge.Local, Key: idemKey(in.By, in.Idempotency)}, data)
	return nil
}
