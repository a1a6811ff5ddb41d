package desk

import (
	"fmt"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// Partner is another authority that takes work orders (联动单位).
type Partner struct {
	ID, Name string
	Line     string // webhook, mqtt; "": none, it is called by telephone
	Pictures bool   // the incident's snapshot goes along
	Backlog  int    // beyond so many orders that wait for its line no more are issued; 0: no limit
}

// RouteClass is a group of calls that are no police work.
type RouteClass struct {
	ID, Name string
	Kinds    []RouteKind
}

// RouteKind is one kind of them: to whom it goes, and how long these have to
// answer.
type RouteKind struct {
	ID, Name string
	Reports  []string // kinds of reports for which it is proposed
	Partners []string
	Limit    time.Duration
}

// kindRef is a kind with its class.
type kindRef struct {
	class *RouteClass
	kind  *RouteKind
}

// OrderFact is what a partner is told of an order besides its note. It is in
// task.issued whole: what leaves the box later is what was decided then.
type OrderFact struct {
	Line       string           `json:"line,omitempty"` // of the partner when it was issued; "": by telephone
	Class      string           `json:"class,omitempty"`
	ClassName  string           `json:"class_name,omitempty"`
	RouteKind  string           `json:"route_kind,omitempty"`
	KindName   string           `json:"kind_name,omitempty"`
	Place      PlaceRef         `json:"place"`
	Position   *ingest.Position `json:"position,omitempty"`
	OccurredAt bridge.Stamp     `json:"occurred_at,omitzero"`
	Snapshot   string           `json:"snapshot,omitempty"` // SHA-256 (hex), where the partner gets pictures
}

// Order is an order to a partner: what it is told, what it has got, and what
// it said.
type Order struct {
	OrderFact
	Waiting     []OrderNews  `json:"waiting,omitempty"` // what the partner's line has not taken yet, oldest first
	DeliveredAt bridge.Stamp `json:"delivered_at"`
	SetAside    string       `json:"set_aside,omitempty"` // why its line never will: somebody must call
	RepliedAt   bridge.Stamp `json:"replied_at"`
	Reply       string       `json:"reply,omitempty"` // the newest: accepted, done, refused
}

// OrderNews is one message to a partner. Its id is that of the event it tells
// of, so that the partner knows a message that came twice.
type OrderNews struct {
	Event string       `json:"event"`
	News  string       `json:"news"` // issued, returned, cancelled, confirmed
	At    bridge.Stamp `json:"at"`
}

// News that a partner gets of its order.
const (
	NewsIssued    = "issued"
	NewsReturned  = "returned" // it is to be done again, or differently: why and by when
	NewsCancelled = "cancelled"
	NewsConfirmed = "confirmed" // the room is content
)

// indexPartners checks partners, classes and kinds.
func (r *Rules) indexPartners() error {
	s := &r.setup
	s.Partners = slices.Clone(s.Partners)
	r.partners, r.kinds = map[string]*Partner{}, map[string]kindRef{}
	for i := range s.Partners {
		p := &s.Partners[i]
		if p.Name == "" {
			p.Name = p.ID
		}
		if err := put(r.partners, "partner", p.ID, p); err != nil {
			return err
		}
		if r.person(p.ID) != nil || r.teams[p.ID] != nil {
			return fmt.Errorf("partner %s: a person or a team has that id", p.ID)
		}
	}
	for i := range s.Classes {
		for j := range s.Classes[i].Kinds {
			k := &s.Classes[i].Kinds[j]
			if k.ID == "" || r.kinds[k.ID].kind != nil || len(k.Partners) == 0 {
				return fmt.Errorf("kind %q of class %s: needs an id of its own and partners", k.ID, s.Classes[i].ID)
			}
			for _, id := range k.Partners {
				if r.partners[id] == nil {
					return fmt.Errorf("kind %s: partner %q is not configured", k.ID, id)
				}
			}
			r.kinds[k.ID] = kindRef{&s.Classes[i], k}
		}
	}
	return nil
}

// Partners are the partners in the order of the configuration.
func (r *Rules) Partners() []Partner { return r.setup.Partners }

// Classes are the classes in the order of the configuration.
func (r *Rules) Classes() []RouteClass { return r.setup.Classes }

// orderFor is what the partner is told of an order about the incident (nil:
// none); nil when the receiver is no partner. kind is "" when nobody chose one.
func (t *step) orderFor(to string, inc *Incident, kind string) *OrderFact {
	p := t.r.partners[to]
	if p == nil {
		return nil
	}
	fact := &OrderFact{Line: p.Line}
	if ref := t.r.kinds[kind]; ref.kind != nil {
		fact.Class, fact.ClassName, fact.RouteKind, fact.KindName = ref.class.ID, ref.class.Name, ref.kind.ID, ref.kind.Name
	}
	if inc != nil {
		fact.Place, fact.Position, fact.OccurredAt = inc.Place, inc.Position, inc.OccurredAt
		if p.Pictures {
			fact.Snapshot = inc.Snapshot
		}
	}
	return fact
}

// News is the next message to the partner, of its oldest order that has one,
// and how many orders wait; task is nil when none does.
func (s *State) News(partner string) (task *Task, news OrderNews, orders int) {
	for id := range s.ix.tasks.waiting[partner] {
		one := s.k.Tasks[id]
		// In order: by when it became news, whatever the order it is of.
		if first := one.Order.Waiting[0]; task == nil || first.before(news) {
			task, news = one, first
		}
	}
	return task, news, len(s.ix.tasks.waiting[partner])
}

func (n OrderNews) before(other OrderNews) bool {
	if c := n.At.Compare(other.At.Time); c != 0 {
		return c < 0
	}
	return n.Event < other.Event
}

// Orders are the orders that the state holds, by partner, newest first.
func (s *State) Orders() map[string][]*Task {
	orders := map[string][]*Task{}
	for _, task := range s.Tasks() {
		if task.Order != nil {
			orders[task.To] = append(orders[task.To], task)
		}
	}
	return orders
}
