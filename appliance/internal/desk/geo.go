package desk

import (
	"math"
	"sort"

	"github.com/watchpost-edge/watchpost/ingest"
)

// earthRadius is the mean radius of the earth in metres (IUGG 1980).
const earthRadius = 6371008.8

// metres gives the vector from a to b in metres, east and north, on a plane
// that touches the earth at a: good to a thousandth within a station's area.
func metres(a, b ingest.Position) (east, north float64) {
	north = (b.Lat - a.Lat) * math.Pi / 180 * earthRadius
	dLon := math.Mod(b.Lon-a.Lon+540, 360) - 180
	east = dLon * math.Pi / 180 * earthRadius * math.Cos((a.Lat+b.Lat)/2*math.Pi/180)
	return east, north
}

func distance(a, b ingest.Position) float64 {
	return math.Hypot(metres(a, b))
}

// ahead is the point at so many metres in the direction of a bearing.
func ahead(from ingest.Position, bearing, distance float64) ingest.Position {
	rad := bearing * math.Pi / 180
	return ingest.Position{
		Lat: from.Lat + distance*math.Cos(rad)/earthRadius*180/math.Pi,
		Lon: from.Lon + distance*math.Sin(rad)/(earthRadius*math.Cos(from.Lat*math.Pi/180))*180/math.Pi,
	}
}

// sees reports whether the place is within the camera's range and field of
// view. A place within 2 m is where the camera hangs: it counts as seen.
func (r *Rules) sees(c *Camera, at ingest.Position) bool {
	reach := c.RangeM
	if reach <= 0 {
		reach = r.setup.NearestRange
	}
	east, north := metres(*c.Position, at)
	d := math.Hypot(east, north)
	if d > reach {
		return false
	}
	if c.FOV <= 0 || c.FOV >= 360 || d < 2 {
		return true
	}
	bearing := math.Atan2(east, north) * 180 / math.Pi
	off := math.Mod(bearing-c.Bearing+720+180, 360) - 180
	return math.Abs(off) <= c.FOV/2
}

// Nearest gives the cameras for a place: those that see it, nearest first, up
// to NearestMax; and when fewer than two see it the nearest of the others.
func (r *Rules) Nearest(at ingest.Position) []string {
	type candidate struct {
		id   string
		sees bool
		far  float64
	}
	var all []candidate
	for i := range r.setup.Cameras {
		if c := &r.setup.Cameras[i]; c.Position != nil {
			all = append(all, candidate{c.ID, r.sees(c, at), distance(*c.Position, at)})
		}
	}
	sort.SliceStable(all, func(i, j int) bool {
		if all[i].sees != all[j].sees {
			return all[i].sees
		}
		if all[i].far != all[j].far {
			return all[i].far < all[j].far
		}
		return all[i].id < all[j].id
	})
	ids := []string{}
	for _, c := range all {
		if len(ids) >= r.setup.NearestMax || !c.sees && len(ids) >= camerasMin {
			break
		}
		ids = append(ids, c.id)
	}
	return ids
}

// around gives a camera itself and the others that see what lies in front of
// it, nearest first.
func (r *Rules) around(c *Camera) []string {
	ids := []string{c.ID}
	if c.Position == nil {
		return ids
	}
	spot := *c.Position
	if reach := c.RangeM; reach > 0 && c.FOV > 0 && c.FOV < 360 {
		spot = ahead(spot, c.Bearing, reach/2)
	}
	for _, id := range r.Nearest(spot) {
		if id != c.ID && len(ids) < r.setup.NearestMax && r.sees(r.cameras[id], spot) {
			ids = append(ids, id)
		}
	}
	return ids
}

// placeAt is the configured place whose polygon holds the position; the first
// one in the configuration wins.
func (r *Rules) placeAt(at *ingest.Position) *Place {
	if at == nil {
		return nil
	}
	for i := range r.setup.Places {
		if inside(r.setup.Places[i].Polygon, *at) {
			return &r.setup.Places[i]
		}
	}
	return nil
}

// spot names where a device stands: by its own name, with the address of the
// configured place around it.
func (r *Rules) spot(name string, at *ingest.Position) PlaceRef {
	ref := PlaceRef{Name: name}
	if p := r.placeAt(at); p != nil {
		ref.ID, ref.AddressCode, ref.Beat = p.ID, p.AddressCode, p.Beat
	}
	return ref
}

// inside counts the crossings of a ray to the east (even-odd rule).
func inside(polygon [][2]float64, at ingest.Position) bool {
	in := false
	for i, j := 0, len(polygon)-1; i < len(polygon); j, i = i, i+1 {
		a, b := polygon[i], polygon[j]
		if (a[0] > at.Lat) != (b[0] > at.Lat) && at.Lon < (b[1]-a[1])*(at.Lat-a[0])/(b[0]-a[0])+a[1] {
			in = !in
		}
	}
	return in
}

// centre is the mean of a polygon's corners; nil when it has none.
func centre(polygon [][2]float64) *ingest.Position {
	if len(polygon) == 0 {
		return nil
	}
	var p ingest.Position
	for _, corner := range polygon {
		p.Lat += corner[0] / float64(len(polygon))
		p.Lon += corner[1] / float64(len(polygon))
	}
	return &p
}

func onEarth(p *ingest.Position) bool {
	return p.Lat >= -90 && p.Lat <= 90 && p.Lon >= -180 && p.Lon <= 180
}
