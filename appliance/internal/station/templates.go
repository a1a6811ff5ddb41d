package station

import (
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// deskTemplates are the standard pieces of work as the desk knows them.
func deskTemplates(templates []config.Template) []desk.Template {
	list := make([]desk.Template, len(templates))
	for i, t := range templates {
		list[i] = desk.Template{
			ID: t.ID, Name: t.Name, Kind: desk.TaskKind(t.Kind), Note: t.Note, Priority: t.Priority, Limit: time.Duration(t.Limit),
			Done: t.Done, Pictures: t.Pictures, With: t.With,
		}
		for _, s := range t.Steps {
			list[i].Steps = append(list[i].Steps, desk.TemplateStep{Name: s.Name, Limit: time.Duration(s.Limit), DoneBy: s.DoneBy})
		}
	}
	return list
}
