package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var (
	idPattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	shaPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	schedule   = regexp.MustCompile(`^` + span + `(, *` + span + `)*$`)
)

const span = `([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d`

const idRule = "write 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit"

func (c *Config) validate(can Supported, ps *Problems) {
	between("renditions_max", float64(c.RenditionsMax), 0, 1000, ps)
	c.validateStation(ps)
	c.validateListeners(ps)
	cameras := map[string]bool{}
	for i := range c.Cameras {
		key := fmt.Sprintf("cameras[%d]", i)
		if row := c.Cameras[i].Row; row > 0 {
			key = fmt.Sprintf("%s: row %d", c.ImportedPath(), row)
		}
		validateID(key+".id", c.Cameras[i].ID, cameras, ps)
		c.Cameras[i].validate(key, can, ps)
	}
	pillars := map[string]bool{}
	for i := range c.Pillars {
		validateID(fmt.Sprintf("pillars[%d].id", i), c.Pillars[i].ID, pillars, ps)
		c.Pillars[i].validate(fmt.Sprintf("pillars[%d]", i), cameras, c.MQTT.External(), ps)
	}
	drones := map[string]bool{}
	for i := range c.Drones {
		validateID(fmt.Sprintf("drones[%d].id", i), c.Drones[i].ID, drones, ps)
		c.Drones[i].validate(fmt.Sprintf("drones[%d]", i), ps)
	}
	c.validateUp(ps)
	places := map[string]bool{}
	for i, p := range c.Places {
		key := fmt.Sprintf("places[%d]", i)
		validateID(key+".id", p.ID, places, ps)
		if len(p.Polygon) > 0 {
			outline(key+".polygon", p.Polygon, ", each [lat, lon]", ps)
		}
		for j, at := range p.Polygon {
			validatePosition(fmt.Sprintf("%s.polygon[%d]", key, j), at[0], at[1], ps)
		}
	}
	c.validateForces(ps)
	c.validatePatrols(ps)
	c.validateDrills(ps)
	c.validateRouting(ps)
	c.Alerts.validate(ps)
	c.Handover.validate(ps)
	c.Points.validate(ps)
	c.Limits.validate(ps)
	c.validateTemplates(ps)
}

func (c *Config) validateStation(ps *Problems) {
	for key, id := range map[string]string{"station.id": c.Station.ID, "station.box": c.Station.Box} {
		if !idPattern.MatchString(id) {
			ps.add(key, "%q; %s", id, idRule)
		}
	}
	oneOf("station.language", c.Station.Language, []string{"zh-CN", "en"}, ps)
	validatePosition("station.position", c.Station.Position.Lat, c.Station.Position.Lon, ps)
	if c.Data.Dir == "" {
		ps.add("data.dir", "is empty; name the folder that keeps the journal and the recordings")
	}
	if c.Data.Journal.Budget < Size(64<<20) {
		ps.add("data.journal.budget", "%d bytes is below 64MiB; the journal could not keep what the room works on", c.Data.Journal.Budget)
	}
	if age := time.Duration(c.Data.Journal.MaxAge); age < 30*24*time.Hour {
		ps.add("data.journal.max_age", "%s is below 30d; incidents and their receipts need that long", age)
	}
	if r := c.Data.Journal.Reserve; r != 0 && r < Size(64<<20) {
		ps.add("data.journal.reserve", "%d bytes is below 64MiB; write how much of the disk is held back for alarms, or 0", r)
	}
	for key, r := range map[string]Retention{"data.recordings": c.Data.Recordings, "data.clips": c.Data.Clips, "data.snapshots": c.Data.Snapshots, "data.pictures": c.Data.Pictures, "data.telemetry": c.Data.Telemetry, "data.positions": c.Data.Positions} {
		if r.Budget < Size(1<<20) {
			ps.add(key+".budget", "%d bytes is below 1MiB; nothing could be kept", r.Budget)
		}
		if r.MaxAge <= 0 {
			ps.add(key+".max_age", "is zero; nothing could be kept")
		}
	}
	if f := c.Data.MinFree; f < Size(64<<20) {
		ps.add("data.min_free", "%d bytes is below 64MiB; write how much of the disk must stay free of recordings", f)
	}
	oneOf("detector.backend", c.Detector.Backend, []string{"auto", "onnxruntime", "dnn", "hog"}, ps)
	between("detector.min_score", c.Detector.MinScore, 0, 1, ps)
	between("detector.overlap", c.Detector.Overlap, 0.1, 0.9, ps)
	if c.Detector.SHA256 != "" && !shaPattern.MatchString(c.Detector.SHA256) {
		ps.add("detector.sha256", "%q; write 64 hexadecimal digits, lower case", c.Detector.SHA256)
	}
}

func (c *Config) validateListeners(ps *Problems) {
	listen("http.listen", c.HTTP.Listen, ps)
	optional("mqtt.listen", c.MQTT.Listen, ps)
	c.validateTLS(ps)
	c.validateApart(ps)
	for key, port := range map[string]int{"webrtc.udp": c.WebRTC.UDP, "webrtc.tcp": c.WebRTC.TCP} {
		if port < 0 || port > 65535 {
			ps.add(key, "%d is no port; write 0 (any) to 65535", port)
		}
	}
}

func (cam *Camera) validate(key string, can Supported, ps *Problems) {
	cam.validateStreams(key, ps)
	oneOf(key+".transport", cam.Transport, []string{"auto", "tcp", "udp"}, ps)
	for i, g := range cam.Groups {
		if strings.TrimSpace(g) != g || g == "" || len(g) > 64 || strings.ContainsAny(g, ",;\n") {
			ps.add(fmt.Sprintf("%s.groups[%d]", key, i), "%q; write 1 to 64 bytes without comma or semicolon", g)
		}
	}
	oneOf(key+".record", cam.Record, []string{"continuous", "incidents", "off"}, ps)
	validatePosition(key+".position", cam.Position.Lat, cam.Position.Lon, ps)
	between(key+".position.bearing", cam.Position.Bearing, 0, 360, ps)
	between(key+".position.fov", cam.Position.FOV, 1, 360, ps)
	between(key+".position.range_m", cam.Position.RangeM, 1, 10_000, ps)
	lasting(key+".pre_roll", cam.PreRoll, time.Second, 5*time.Minute, ps)
	lasting(key+".post_roll", cam.PostRoll, time.Second, 10*time.Minute, ps)
	between(key+".analyze.fps", cam.Analyze.FPS, 0.5, 25, ps)
	for i, mask := range cam.Masks {
		polygon(fmt.Sprintf("%s.masks[%d]", key, i), mask, ps)
	}
	for name, zone := range cam.Zones {
		polygon(fmt.Sprintf("%s.zones.%s", key, name), zone, ps)
	}
	for name, line := range cam.Lines {
		at := fmt.Sprintf("%s.lines.%s", key, name)
		inPicture(at+".from", line.From, ps)
		inPicture(at+".to", line.To, ps)
		if line.From == line.To {
			ps.add(at, "from and to are the same point; a line has two")
		}
	}
	objects(key+".analyze.objects", cam.Analyze.Objects, ps)
	names := map[string]bool{}
	for i := range cam.Rules {
		at := fmt.Sprintf("%s.rules[%d]", key, i)
		validateID(at+".name", cam.Rules[i].Name, names, ps)
		cam.Rules[i].validate(at, cam, can, ps)
	}
}

func (p *Pillar) validate(key string, cameras map[string]bool, external bool, ps *Problems) {
	validatePosition(key+".position", p.Position.Lat, p.Position.Lon, ps)
	for i, id := range p.Cameras {
		if !cameras[id] {
			ps.add(fmt.Sprintf("%s.cameras[%d]", key, i), "%q is not among the cameras", id)
		}
	}
	switch {
	case external:
		needlessPassword(key, p.PasswordFile, ps)
	case p.PasswordFile == "":
		ps.add(key+".password_file", "is empty; every pillar has its own password")
	}
}

func (d *Drone) validate(key string, ps *Problems) {
	oneOf(key+".kind", d.Kind, []string{"mavlink"}, ps)
	address, ok := strings.CutPrefix(d.Listen, "udp:")
	if !ok {
		ps.add(key+".listen", "%q; write it like udp:0.0.0.0:14550", d.Listen)
	} else {
		listen(key+".listen", address, ps)
	}
	between(key+".system_id", float64(d.SystemID), 1, 255, ps)
}

func (c *Config) validateUp(ps *Problems) {
	c.validateUplinks(ps)
	if u := c.Upload; u.URL == "" && u.Kind == "" && u.RateLimit == 0 && len(u.When) == 0 {
		return
	}
	oneOf("upload.kind", c.Upload.Kind, []string{"tus"}, ps)
	address("upload.url", c.Upload.URL, []string{"http", "https"}, ps)
	for i, p := range c.Upload.When {
		oneOf(fmt.Sprintf("upload.when[%d]", i), p, []string{"P0", "P1", "P2", "P3"}, ps)
	}
}

func validateID(key, id string, seen map[string]bool, ps *Problems) {
	if !idPattern.MatchString(id) {
		ps.add(key, "%q; %s", id, idRule)
	}
	if seen[id] {
		ps.add(key, "%q is used twice; give each its own", id)
	}
	seen[id] = true
}

// labelMost bounds what people read of a thing beside its id: it stands in
// tables and on buttons.
const labelMost = 64

func validateLabel(key, label string, ps *Problems) {
	if n := utf8.RuneCountInString(label); n > labelMost {
		ps.add(key, "has %d characters; write at most %d", n, labelMost)
	}
	if strings.ContainsFunc(label, unicode.IsControl) {
		ps.add(key, "%q holds a line break or another control character; write it in one line", label)
	}
}

func oneOf(key, value string, allowed []string, ps *Problems) {
	if !slices.Contains(allowed, value) {
		ps.add(key, "%q; write one of %s", value, strings.Join(allowed, ", "))
	}
}

func between(key string, v, low, high float64, ps *Problems) {
	if !(v >= low && v <= high) {
		ps.add(key, "%g is not within %g and %g", v, low, high)
	}
}

func validatePosition(key string, lat, lon float64, ps *Problems) {
	between(key+".lat", lat, -90, 90, ps)
	between(key+".lon", lon, -180, 180, ps)
}

// lasting bounds a length of time.
func lasting(key string, d Duration, low, high time.Duration, ps *Problems) {
	if v := time.Duration(d); v < low || v > high {
		ps.add(key, "%s; write %s to %s", plainly(v), plainly(low), plainly(high))
	}
}

// plainly writes whole minutes, hours and days as people write them: 5m, not 5m0s.
func plainly(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func inPicture(key string, p Point, ps *Problems) bool {
	in := p[0] >= 0 && p[0] <= 1 && p[1] >= 0 && p[1] <= 1
	if !in {
		ps.add(key, "[%g, %g] is outside the picture; x and y go from 0 to 1", p[0], p[1])
	}
	return in
}

func objects(key string, list []string, ps *Problems) {
	for i, o := range list {
		oneOf(fmt.Sprintf("%s[%d]", key, i), o, []string{"person", "bicycle", "car", "motorcycle", "bus", "truck"}, ps)
	}
}

func address(key, text string, schemes []string, ps *Problems) {
	u, err := url.Parse(text)
	switch {
	case holdsCredentials(text):
		ps.add(key, "holds credentials; put them into username and password_file")
	case err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme):
		ps.add(key, "%q; write it like %s://hq.example", text, schemes[len(schemes)-1])
	}
}

// holdsCredentials asks before anything is said of an address: what is said
// stands in logs. It does not need the address to be a good one.
func holdsCredentials(text string) bool {
	_, rest, _ := strings.Cut(text, "//")
	authority, _, _ := strings.Cut(rest, "/")
	return strings.Contains(authority, "@")
}
