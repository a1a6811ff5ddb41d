package access

import (
	"fmt"
	"slices"
)

// scopeMax bounds the names in a scope.
const scopeMax = 500

// Scope limits whose pictures a user or a token may see: these cameras, and
// the cameras of these groups. An empty scope is every camera.
type Scope struct {
	Cameras []string `json:"cameras,omitempty"`
	Groups  []string `json:"groups,omitempty"`
}

// All reports whether nothing is left out.
func (s Scope) All() bool { return len(s.Cameras) == 0 && len(s.Groups) == 0 }

// Sees reports whether the camera, which is in those groups, is within.
func (s Scope) Sees(camera string, groups ...string) bool {
	return s.All() || slices.Contains(s.Cameras, camera) ||
		slices.ContainsFunc(groups, func(g string) bool { return g != "" && slices.Contains(s.Groups, g) })
}

func (s Scope) check() error {
	if len(s.Cameras)+len(s.Groups) > scopeMax {
		return fmt.Errorf("limits: %d cameras and groups; at most %d", len(s.Cameras)+len(s.Groups), scopeMax)
	}
	for _, name := range slices.Concat(s.Cameras, s.Groups) {
		if name == "" || len(name) > 256 {
			return fmt.Errorf("limits: %q is no name of a camera or a group", name)
		}
	}
	return nil
}

func (s Scope) clone() Scope {
	return Scope{Cameras: slices.Clone(s.Cameras), Groups: slices.Clone(s.Groups)}
}
