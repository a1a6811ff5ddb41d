package wall

import (
	"net/http"
	"slices"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// What a caller who may not see every camera is shown. Incidents and alerts
// are the room's: he sees them, without the pictures.

// sees reports whether the caller may see the camera's pictures.
func (s *Server) sees(who caller, camera string) bool {
	return who.scope.All() || who.scope.Sees(camera, s.groupsOf(camera)...)
}

// groupsOf are the groups that a camera is configured into.
func (s *Server) groupsOf(camera string) []string { return s.o.Devices.Groups(camera) }

func cameraForbidden(id string) *problem {
	p := fault(http.StatusForbidden, "camera_forbidden", "ask the administrator for this camera", "camera %q is not among those that you may see", clip(id, 64))
	p.Field, p.Value = "camera", clip(id, 64)
	return p
}

// visible is the part of a list that the caller may see.
func visible[T any](s *Server, who caller, list []T, camera func(T) string) []T {
	if who.scope.All() {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(one T) bool { return !s.sees(who, camera(one)) })
}

func (s *Server) visibleCameras(who caller) []Camera {
	return visible(s, who, s.o.Devices.Cameras(), func(c Camera) string { return c.ID })
}

func (s *Server) visibleClips(who caller, list []*desk.Clip) []*desk.Clip {
	return visible(s, who, list, func(c *desk.Clip) string { return c.Camera })
}

// hides reports whether a changed resource is of a camera that the caller may
// not see.
func (s *Server) hides(who caller, resource any) bool {
	switch r := resource.(type) {
	case *desk.Clip:
		return !s.sees(who, r.Camera)
	case *desk.Device:
		return r.Type == "camera" && !s.sees(who, r.ID)
	case *desk.Patrolled:
		return !s.walks(who, r)
	case *desk.Drilled:
		target, known := s.o.Desk.Rules().DrillTarget(r.Target)
		return !known || !s.exercises(who, target)
	}
	return false
}
