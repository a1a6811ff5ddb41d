package desk

import (
	"fmt"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// What became of files, and what will.
const (
	TypeStorageEvicted  = "watchpost.storage.evicted"
	TypeStorageForecast = "watchpost.storage.forecast"
)

const evictedOwnersMax = 256 // of one event

// StorageEvicted is the data of storage.evicted: what went of a class in one
// sweep, for one reason.
type StorageEvicted struct {
	Schema int            `json:"schema"`
	Class  string         `json:"class"` // recordings, clips, snapshots, telemetry, positions
	Why    string         `json:"why"`   // age, budget, space
	Files  int            `json:"files"`
	Bytes  int64          `json:"bytes"`
	From   bridge.Stamp   `json:"from"`
	To     bridge.Stamp   `json:"to"`
	Owners []EvictedOwner `json:"owners"`         // by camera, clip or drone
	More   int            `json:"more,omitempty"` // owners that are not listed
}

// EvictedOwner is what went of one camera, clip or drone.
type EvictedOwner struct {
	Owner string       `json:"owner"`
	Files int          `json:"files"`
	Bytes int64        `json:"bytes"`
	From  bridge.Stamp `json:"from"`
	To    bridge.Stamp `json:"to"`
}

// StorageForecast is the data of storage.forecast: when a class will have used
// its budget, and how long things will be kept then.
type StorageForecast struct {
	Schema      int          `json:"schema"`
	Class       string       `json:"class"`
	Bytes       int64        `json:"bytes"`  // kept now
	Budget      int64        `json:"budget"` // or what the disk leaves, if that is less
	BytesPerDay int64        `json:"bytes_per_day"`
	FullAt      bridge.Stamp `json:"full_at"` // empty: not before things are too old anyway
	KeepsHours  int64        `json:"keeps_hours"`
	WantedHours int64        `json:"wanted_hours"` // max_age
	Why         string       `json:"why"`          // what binds: budget, disk or age
}

// EvictedIn says what was deleted of the files.
type EvictedIn struct{ Evicted StorageEvicted }

// ForecastIn says when a class of files will be full.
type ForecastIn struct{ Forecast StorageForecast }

func (in EvictedIn) decide(t *step, _ *bridge.Record) error  { return t.evicted(in) }
func (in ForecastIn) decide(t *step, _ *bridge.Record) error { return t.forecast(in) }

func (t *step) evicted(in EvictedIn) error {
	e := in.Evicted
	if e.Files <= 0 || e.Class == "" {
		return &InvalidError{"files", fmt.Sprint(e.Files), "what was deleted"}
	}
	if more := len(e.Owners) - evictedOwnersMax; more > 0 {
		e.Owners, e.More = e.Owners[:evictedOwnersMax], more
	}
	e.Schema = schema
	t.add(bridge.Draft{Type: TypeStorageEvicted, Subject: "storage/" + e.Class, Lane: bridge.Notice}, e)
	return nil
}

// forecast is told by the station when it changed enough to matter.
func (t *step) forecast(in ForecastIn) error {
	f := in.Forecast
	if f.Class == "" {
		return &InvalidError{"class", "", "a class of files"}
	}
	f.Schema = schema
	severity := "P3"
	if f.KeepsHours < f.WantedHours {
		severity = "P2"
	}
	if !f.FullAt.IsZero() && f.FullAt.Sub(t.now.Time) > 100*365*24*time.Hour {
		f.FullAt = bridge.Stamp{}
	}
	t.add(bridge.Draft{Type: TypeStorageForecast, Subject: "storage/" + f.Class, Lane: bridge.Notice, Severity: severity}, f)
	return nil
}
