package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"
)

const table = "id,name,groups,main,username,password,record,lat,lon\r\n" +
	"cam-1,东门,街面;商业区,rtsp://10.0.0.11/main,viewer,p@ss,incidents,28.69,115.99\r\n" +
	",,,,,,,,\r\n" +
	"cam-2,\"南口, 路东\",,rtsp://10.0.0.12/main,,,,,\r\n"

func TestTableIsRead(t *testing.T) {
	gbk, err := simplifiedchinese.GB18030.NewEncoder().String(table)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"UTF-8": table, "with BOM": bom + table, "GB 18030": gbk, "Chinese columns": strings.Replace(table, "id,name,groups,main", "编号,名称,分组,主码流", 1),
	} {
		t.Run(name, func(t *testing.T) {
			got, ps := ParseSheet([]byte(text))
			require.Empty(t, ps)
			require.Len(t, got, 2)
			require.Equal(t, "东门", got[0].Name)
			require.Equal(t, []string{"街面", "商业区"}, got[0].Groups)
			require.Equal(t, "p@ss", got[0].NewPassword)
			require.Equal(t, "incidents", got[0].Record)
			require.InDelta(t, 115.99, got[0].Position.Lon, 1e-9)
			require.Equal(t, "南口, 路东", got[1].Name)
			require.Equal(t, "continuous", got[1].Record, "an empty cell is the default")
			require.Equal(t, 4, got[1].Row)
		})
	}
}

func TestWhatIsExportedComesBack(t *testing.T) {
	rows, ps := ParseSheet([]byte(table))
	require.Empty(t, ps)
	rows[0].Name = "=HYPERLINK(1)"
	out := FormatSheet([]Camera{rows[0].Camera, rows[1].Camera})
	require.True(t, strings.HasPrefix(string(out), bom))
	require.NotContains(t, string(out), "p@ss")
	require.Contains(t, string(out), "'=HYPERLINK(1)", "a spreadsheet does not run it")
	again, ps := ParseSheet(out)
	require.Empty(t, ps)
	require.Len(t, again, 2)
	for i := range again {
		require.True(t, sameInSheet(rows[i].Camera, again[i].Camera))
	}
}

func TestTableProblemsAllAtOnceWithRowAndColumn(t *testing.T) {
	c, err := Parse([]byte("station: {id: a}\ndata: {dir: "+t.TempDir()+"}\ncameras: [{id: gate, streams: {main: \"rtsp://10.0.0.1/a\"}}]"), t.TempDir(), Supported{})
	require.NoError(t, err)
	bad := "id,main,record,lat,audio\n" +
		"cam 1,rtsp://10.0.0.11/main,sometimes,north,\n" +
		"cam-2,http://10.0.0.12,,,maybe\n" +
		"cam-3,rtsp://u:p@10.0.0.13/a,,95,\n" +
		"cam-3,rtsp://10.0.0.13/a,,,\n" +
		"gate,rtsp://10.0.0.99/other,,,\n" +
		"gate2,rtsp://10.0.0.14/a,,,,surplus\n"
	_, ps := c.PlanImport([]byte(bad), nil, false, Supported{})
	text := ps.Error()
	for _, want := range []string{
		"row 2, column id:", "row 2, column record:", "row 2, column D (lat): \"north\" is no number", "row 3, column main:", "row 3, column E (audio):",
		"row 4, column main: holds credentials", "row 4, column lat:", "row 5, column id: \"cam-3\" is used twice",
		"row 6: camera \"gate\" stands in the configuration file (cameras[0])", "row 7, column F: \"surplus\"",
	} {
		require.Contains(t, text, want)
	}
	for text, want := range map[string]string{
		"": "row 1", "id,name\na,b": "column main is missing", "id,main,id\n": "there twice", "id,main,colour\n": "no column", "\xff\xff\xff": "neither UTF-8",
	} {
		_, ps := ParseSheet([]byte(text))
		require.Contains(t, ps.Error(), want, text)
	}
}

func TestImportedCamerasJoinThoseOfTheFile(t *testing.T) {
	dir := t.TempDir()
	text := []byte("station: {id: a}\ndata: {dir: " + dir + "}\ncameras: [{id: gate, streams: {main: \"rtsp://10.0.0.1/a\"}}]")
	c, err := Parse(text, dir, Supported{})
	require.NoError(t, err)
	before := c.Digest()
	_, ps := c.PlanImport(append(FormatSheet(c.Cameras), table[strings.Index(table, "\n")+1:]...), nil, false, Supported{})
	require.NotEmpty(t, ps, "its columns are others")
	plan, ps := c.PlanImport([]byte(table), nil, false, Supported{})
	require.Empty(t, ps)
	require.Equal(t, []string{"cam-1", "cam-2"}, plan.Added)
	require.Equal(t, map[string]string{"cam-1": "p@ss"}, plan.Passwords)
	require.NoError(t, os.WriteFile(c.ImportedPath(), FormatSheet(plan.Cameras), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Dir(c.SecretPath("cam-1")), 0o700))
	require.NoError(t, os.WriteFile(c.SecretPath("cam-1"), []byte("p@ss\n"), 0o600))

	c, err = Parse(text, dir, Supported{})
	require.NoError(t, err)
	require.Len(t, c.Cameras, 3)
	require.Equal(t, "p@ss", c.Cameras[1].Password)
	require.NotEqual(t, before, c.Digest(), "the configuration has another name")
	again, ps := c.PlanImport(FormatSheet(c.Cameras), c.Cameras[1:], true, Supported{})
	require.Empty(t, ps, "what was exported can be imported")
	require.Empty(t, append(append(again.Added, again.Changed...), again.Removed...))
	less, ps := c.PlanImport([]byte("id,main\ncam-2,rtsp://10.0.0.99/x\n"), c.Cameras[1:], true, Supported{})
	require.Empty(t, ps)
	require.Equal(t, []string{"cam-1"}, less.Removed)
	require.Equal(t, []string{"cam-2"}, less.Changed)

	require.NoError(t, os.WriteFile(c.ImportedPath(), []byte("id,main\ngate,rtsp://10.0.0.99/x\n"), 0o600))
	_, err = Parse(text, dir, Supported{})
	require.ErrorContains(t, err, "cameras.csv: row 2.id: \"gate\" is used twice")
}

// What is taken at the wall must not keep the box from its next start.
func TestImportThatWouldStopTheNextStartIsRefused(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "pillar.key")
	require.NoError(t, os.WriteFile(key, []byte("secret"), 0o600))
	text := []byte("station: {id: a}\ndata: {dir: " + dir + "}\npillars: [{id: p1, cameras: [cam-1], password_file: " + key + "}]")
	require.NoError(t, os.WriteFile(filepath.Join(dir, importedFile), []byte("id,main\ncam-1,rtsp://10.0.0.1/a\n"), 0o600))
	c, err := Parse(text, dir, Supported{})
	require.NoError(t, err)

	_, ps := c.PlanImport([]byte("id,main\ncam-2,rtsp://10.0.0.2/a\n"), c.Cameras, true, Supported{})
	require.ErrorContains(t, ps, `pillars[0].cameras[0]: "cam-1" is not among the cameras`)
	_, ps = c.PlanImport([]byte("id,main,password\ncam-2,rtsp://10.0.0.2/a,"+strings.Repeat("x", secretMaxBytes)+"\n"), c.Cameras, false, Supported{})
	require.ErrorContains(t, ps, "camera cam-2, column password")
	_, ps = c.PlanImport([]byte("id,main,lat\ncam-2,rtsp://10.0.0.2/a,NaN\n"), c.Cameras, false, Supported{})
	require.ErrorContains(t, ps, "no number", "JSON has no word for it: no page of the wall would load")
	full := make([]Camera, sheetRowsMax)
	for i := range full {
		full[i].setDefaults()
		full[i].ID, full[i].Streams.Main, full[i].Row = fmt.Sprintf("cam-%d", i), "rtsp://10.0.0.1/a", i+2
	}
	_, ps = c.PlanImport([]byte("id,main\none-more,rtsp://10.0.0.2/a\n"), full, false, Supported{})
	require.ErrorContains(t, ps, "is one too many")
	plan, ps := c.PlanImport([]byte("id,main,password\ncam-1,rtsp://10.0.0.2/a,'quoted\n"), c.Cameras, true, Supported{})
	require.Empty(t, ps)
	require.Equal(t, "'quoted", plan.Passwords["cam-1"])
}

// Whatever is in a table: no panic, and what is taken is written and read again
// as the same.
func FuzzSheet(f *testing.F) {
	f.Add([]byte(table))
	f.Add([]byte("id;main\na;rtsp://x/\n"))
	f.Add([]byte("id,main,groups,name\n'=a,rtsp://x/,;；;,\"\"\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, ps := ParseSheet(text)
		if len(ps) > 0 {
			return
		}
		var list []Camera
		for _, r := range rows {
			list = append(list, r.Camera)
		}
		again, ps := ParseSheet(FormatSheet(list))
		require.Empty(t, ps)
		require.Len(t, again, len(rows))
	})
}
