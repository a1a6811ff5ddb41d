package footage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Scene is footage of a fixed camera over an empty place, made of PETS09: its
// background picture (the median of the whole sequence) with sensor noise, and
// actors cut out of it.
type Scene struct {
	Width, Height int
	Seconds       int
	Noise         int      // of ffmpeg's noise filter; 0 is none
	Encoder       []string // of ffmpeg; see VBR, CBR
	Actors        []Actor
	Light         string  // filter over the whole picture, as "eq=…", or ""
	Lorry         float64 // seconds; when one comes and stands with its engine running, 0: none
	Frozen        int     // seconds; from when on the same picture comes again and again, 0: never
}

// lorry comes from the right within 4 s, stands in the right half and trembles
// by a pixel, as an idling engine makes it. What it looks like is the upper
// part of the place, twice as wide as high.
func (s Scene) lorry() string {
	w, h := int(0.42*float64(s.Width))&^1, int(0.4*float64(s.Height))&^1
	return fmt.Sprintf("[0]split[place][like];[like]crop=iw*0.5:ih*0.25:iw*0.4:ih*0.1,scale=%d:%d,hflip,eq=brightness=0.12:contrast=1.4[lorry];"+
		"[place][lorry]overlay=format=yuv444:eval=frame:x='W-clip((t-%g)/4,0,1)*0.52*W':y='0.3*H+if(gt(t,%g),round(sin(t*71)),0)'[base]", w, h, s.Lorry, s.Lorry+4)
}

// Actor is somebody cut out, who goes from left to right.
type Actor struct {
	From, To float64 // seconds
	Height   float64 // of the picture
	X, Y     float64 // upper left when it comes, of the picture
	Speed    float64 // picture widths a second
}

// VBR encodes with a constant quality, as cameras with a variable bit rate do;
// gop is pictures between keys.
func VBR(codec string, gop int) []string {
	if codec == "libx265" {
		return []string{"-c:v", codec, "-preset", "ultrafast", "-x265-params", fmt.Sprintf("log-level=none:bframes=0:keyint=%d:min-keyint=%d:scenecut=0:crf=28", gop, gop)}
	}
	return []string{"-c:v", codec, "-preset", "superfast", "-bf", "0", "-g", fmt.Sprint(gop), "-sc_threshold", "0", "-crf", "26"}
}

// CBR encodes at a constant bit rate.
func CBR(rate string, gop int) []string {
	return []string{"-c:v", "libx264", "-preset", "superfast", "-bf", "0", "-g", fmt.Sprint(gop), "-sc_threshold", "0",
		"-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate, "-nal-hrd", "cbr"}
}

// Cached is a file in the repository's own cache, made when it is not there:
// for footage that takes long to encode.
func Cached(t testing.TB, name string, encode func(out string)) string {
	t.Helper()
	dir := filepath.Join(repository(), ".cache", "footage")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	// Tests and packages that want it at the same time each make their own: a
	// file is whole when it gets its name.
	half, err := os.MkdirTemp(dir, "half-")
	require.NoError(t, err)
	defer os.RemoveAll(half)
	made := filepath.Join(half, name)
	encode(made)
	require.NoError(t, os.Rename(made, path))
	return path
}

// Crowd encodes PETS09 itself as a 1080p25 stream: people all the time.
func Crowd(t testing.TB, seconds int, encoder []string, out string) {
	t.Helper()
	args := []string{"-i", Pedestrians(t), "-vf", "scale=1920:1080,fps=25", "-t", fmt.Sprint(seconds), "-pix_fmt", "yuv420p", "-threads", "2"}
	ffmpeg(t, append(append(args, encoder...), out)...)
}

// Freezes encodes PETS09 itself, small, at 25 pictures a second: after at seconds
// the same picture comes again and again.
func Freezes(t testing.TB, seconds, at int, encoder []string, out string) {
	t.Helper()
	filter := fmt.Sprintf("scale=480:270,fps=25,split[live][keep];[live][keep]freezeframes=first=%d:last=%d:replace=%[1]d", at*25, seconds*25-1)
	args := []string{"-i", Pedestrians(t), "-lavfi", filter, "-t", fmt.Sprint(seconds), "-an", "-pix_fmt", "yuv420p", "-threads", "2"}
	ffmpeg(t, append(append(args, encoder...), out)...)
}

// Make encodes the scene at 25 pictures a second and returns its path.
func (s Scene) Make(t testing.TB) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "scene.mp4")
	s.Encode(t, out)
	return out
}

// Encode writes the scene at 25 pictures a second to a file.
func (s Scene) Encode(t testing.TB, out string) {
	t.Helper()
	dir := t.TempDir()
	figure := filepath.Join(dir, "figure.png")
	source := Pedestrians(t)
	ground := Cached(t, fmt.Sprintf("ground-%d-%d.png", s.Width, s.Height), func(out string) {
		ffmpeg(t, "-i", source, "-vf", fmt.Sprintf("fps=1,tmedian=radius=35,scale=%d:%d", s.Width, s.Height), "-frames:v", "1", out)
	})
	// The man at the crossing in the first picture.
	ffmpeg(t, "-i", source, "-vf", "crop=44:92:252:216", "-frames:v", "1", figure)
	args := []string{"-loop", "1", "-framerate", "25", "-t", fmt.Sprint(s.Seconds), "-i", ground, "-i", figure}
	var graph []string
	last := "0"
	if s.Lorry > 0 {
		graph, last = append(graph, s.lorry()), "base"
	}
	for i, a := range s.Actors {
		h := int(a.Height*float64(s.Height)) &^ 1
		graph = append(graph, fmt.Sprintf("[1]scale=%d:%d[a%d]", int(float64(h)*44/92)&^1, h, i),
			fmt.Sprintf("[%s][a%d]overlay=x='if(between(t,%g,%g),W*(%g+%g*(t-%g)),-W)':y=%d[v%d]",
				last, i, a.From, a.To, a.X, a.Speed, a.From, int(a.Y*float64(s.Height)), i))
		last = fmt.Sprintf("v%d", i)
	}
	post := "null"
	if s.Light != "" {
		post = s.Light
	}
	if s.Noise > 0 {
		post += fmt.Sprintf(",noise=alls=%d:allf=t", s.Noise)
	}
	if s.Frozen > 0 {
		post += fmt.Sprintf(",split[live][keep];[live][keep]freezeframes=first=%d:last=%d:replace=%[1]d", s.Frozen*25, s.Seconds*25-1)
	}
	graph = append(graph, fmt.Sprintf("[%s]%s[out]", last, post))
	args = append(args, "-filter_complex", strings.Join(graph, ";"), "-map", "[out]", "-t", fmt.Sprint(s.Seconds), "-pix_fmt", "yuv420p", "-threads", "2")
	ffmpeg(t, append(append(args, s.Encoder...), out)...)
}

func ffmpeg(t testing.TB, args ...string) {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...)
	msg, err := cmd.CombinedOutput()
	require.NoError(t, err, "ffmpeg: %s", msg)
}
