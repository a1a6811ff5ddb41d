package config

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Cameras as a table: what Excel opens, fills in and saves. A cell that is
// empty stands for the default. The first row names the columns, in any order;
// id and main must be there.

// sheetMax bounds a table.
const (
	sheetRowsMax  = 2000
	sheetBytesMax = 1 << 20
)

const bom = "\ufeff"

// sheetColumn is one column: how it reads a camera and writes one.
type sheetColumn struct {
	name, alias string // alias: as a Chinese table may call it
	key         string // of the configuration, as problems name it
	get         func(*Camera) string
	set         func(*Camera, string) error
}

// SheetCamera is a row of a table.
type SheetCamera struct {
	Camera
	NewPassword string // to be kept in a file of its own; empty: as it was
}

func sheetColumns() []sheetColumn {
	text := func(name, alias, key string, at func(*Camera) *string) sheetColumn {
		return sheetColumn{name, alias, key, func(c *Camera) string { return *at(c) }, func(c *Camera, v string) error { *at(c) = v; return nil }}
	}
	number := func(name, alias, key string, at func(*Camera) *float64) sheetColumn {
		return sheetColumn{name, alias, key, func(c *Camera) string { return strconv.FormatFloat(*at(c), 'f', -1, 64) }, func(c *Camera, v string) (err error) {
			if *at(c), err = strconv.ParseFloat(v, 64); err != nil || math.IsNaN(*at(c)) || math.IsInf(*at(c), 0) {
				return fmt.Errorf("%q is no number; write it like 28.691", v)
			}
			return nil
		}}
	}
	length := func(name, alias, key string, at func(*Camera) *Duration) sheetColumn {
		return sheetColumn{name, alias, key, func(c *Camera) string { return time.Duration(*at(c)).String() }, func(c *Camera, v string) error {
			d, err := time.ParseDuration(v)
			if err != nil || d < 0 {
				return fmt.Errorf("%q is no duration; write it like 30s or 5m", v)
			}
			*at(c) = Duration(d)
			return nil
		}}
	}
	yes := func(name, alias, key string, at func(*Camera) *bool) sheetColumn {
		return sheetColumn{name, alias, key, func(c *Camera) string { return map[bool]string{true: "yes", false: "no"}[*at(c)] }, func(c *Camera, v string) error {
			on := slices.Contains([]string{"yes", "true", "1", "是"}, strings.ToLower(v))
			if !on && !slices.Contains([]string{"no", "false", "0", "否"}, strings.ToLower(v)) {
				return fmt.Errorf("%q is neither yes nor no", v)
			}
			*at(c) = on
			return nil
		}}
	}
	return []sheetColumn{
		text("id", "编号", ".id", func(c *Camera) *string { return &c.ID }),
		text("name", "名称", ".name", func(c *Camera) *string { return &c.Name }),
		{"groups", "分组", ".groups", func(c *Camera) string { return strings.Join(c.Groups, ";") }, func(c *Camera, v string) error {
			c.Groups = nil
			for g := range strings.SplitSeq(strings.ReplaceAll(v, "；", ";"), ";") {
				if g = strings.TrimSpace(g); g != "" {
					c.Groups = append(c.Groups, g)
				}
			}
			return nil
		}},
		text("main", "主码流", ".streams.main", func(c *Camera) *string { return &c.Streams.Main }),
		text("sub", "子码流", ".streams.sub", func(c *Camera) *string { return &c.Streams.Sub }),
		text("username", "用户名", ".username", func(c *Camera) *string { return &c.Username }),
		text("transport", "传输", ".transport", func(c *Camera) *string { return &c.Transport }),
		yes("audio", "音频", ".audio", func(c *Camera) *bool { return &c.Audio }),
		text("record", "录像", ".record", func(c *Camera) *string { return &c.Record }),
		length("pre_roll", "预录", ".pre_roll", func(c *Camera) *Duration { return &c.PreRoll }),
		length("post_roll", "延录", ".post_roll", func(c *Camera) *Duration { return &c.PostRoll }),
		yes("analyze", "分析", ".analyze.enabled", func(c *Camera) *bool { return &c.Analyze.Enabled }),
		number("lat", "纬度", ".position.lat", func(c *Camera) *float64 { return &c.Position.Lat }),
		number("lon", "经度", ".position.lon", func(c *Camera) *float64 { return &c.Position.Lon }),
		number("bearing", "朝向", ".position.bearing", func(c *Camera) *float64 { return &c.Position.Bearing }),
		number("fov", "视角", ".position.fov", func(c *Camera) *float64 { return &c.Position.FOV }),
		number("range_m", "可视距离", ".position.range_m", func(c *Camera) *float64 { return &c.Position.RangeM }),
	}
}

// passwordColumn is read, and never written.
const passwordColumn, passwordAlias = "password", "密码"

// FormatSheet writes cameras as a table that Excel opens as UTF-8. No password
// is in it.
func FormatSheet(cameras []Camera) []byte {
	var b bytes.Buffer
	b.WriteString(bom)
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	columns := sheetColumns()
	row := make([]string, len(columns), len(columns)+1)
	for i, c := range columns {
		row[i] = c.name
	}
	rows := [][]string{append(slices.Clone(row), passwordColumn)}
	for i := range cameras {
		for j, c := range columns {
			row[j] = unformula(c.get(&cameras[i]))
		}
		rows = append(rows, append(slices.Clone(row), ""))
	}
	if err := w.WriteAll(rows); err != nil { // a buffer takes everything
		return nil
	}
	return b.Bytes()
}

// unformula keeps a spreadsheet from running what somebody wrote into a name:
// a quote in front makes it text, and reading takes it away.
func unformula(v string) string {
	if v != "" && strings.ContainsRune("=+@\t\r'", rune(v[0])) || strings.HasPrefix(v, "-") && !numeric.MatchString(v) {
		return "'" + v
	}
	return v
}

var numeric = regexp.MustCompile(`^-?[0-9.]+$`)

// ParseSheet reads a table: UTF-8 with or without BOM, or GB 18030 as Excel
// saves it in China; columns parted by comma, semicolon or tab. Problems name
// row and column as a spreadsheet counts; all come at once.
func ParseSheet(text []byte) ([]SheetCamera, Problems) {
	var ps Problems
	if len(text) > sheetBytesMax {
		ps.add("table", "has %d bytes; at most %d", len(text), sheetBytesMax)
		return nil, ps
	}
	text = bytes.TrimPrefix(text, []byte(bom))
	if !utf8.Valid(text) {
		decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(text)
		if err != nil || bytes.ContainsRune(decoded, utf8.RuneError) {
			ps.add("table", "is neither UTF-8 nor GB 18030; save it as CSV UTF-8")
			return nil, ps
		}
		text = decoded
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace = -1, true, true
	for _, c := range []rune{'\t', ';'} {
		if !bytes.ContainsRune(first, ',') && bytes.ContainsRune(first, c) {
			r.Comma = c
		}
	}
	header, err := r.Read()
	if err != nil {
		ps.add("row 1", "names no columns; begin with %s", "id,name,main")
		return nil, ps
	}
	columns := readHeader(header, &ps)
	if len(ps) > 0 {
		return nil, ps
	}
	return readRows(r, columns, &ps), ps
}

// readHeader finds the column of each cell; nil is the password.
func readHeader(header []string, ps *Problems) []*sheetColumn {
	known := sheetColumns()
	columns := make([]*sheetColumn, len(header))
	seen := map[string]bool{}
	for i, cell := range header {
		cell = strings.ToLower(strings.TrimSpace(cell))
		if cell == "" && len(header) > 1 && i == len(header)-1 {
			columns[i] = &sheetColumn{set: func(*Camera, string) error { return nil }}
			continue
		}
		name := ""
		if cell == passwordColumn || cell == passwordAlias {
			name = passwordColumn
		}
		for j := range known {
			if cell == known[j].name || cell == known[j].alias {
				name, columns[i] = known[j].name, &known[j]
			}
		}
		switch {
		case name == "":
			ps.add("row 1, column "+letter(i), "%q is no column; known are those of an exported table", cell)
		case seen[name]:
			ps.add("row 1, column "+letter(i), "%q is there twice", cell)
		}
		seen[name] = true
	}
	for _, need := range []string{"id", "main"} {
		if !seen[need] {
			ps.add("row 1", "column %s is missing", need)
		}
	}
	return columns
}

// letter is how a spreadsheet calls a column.
func letter(i int) string {
	name := ""
	for ; i >= 0; i = i/26 - 1 {
		name = string(rune('A'+i%26)) + name
	}
	return name
}

func readRows(r *csv.Reader, columns []*sheetColumn, ps *Problems) (list []SheetCamera) {
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return list
		}
		row, _ := r.FieldPos(0)
		if err != nil {
			ps.add(fmt.Sprintf("row %d", row), "%v", err)
			return nil
		}
		if !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			continue
		}
		if len(list) >= sheetRowsMax {
			ps.add(fmt.Sprintf("row %d", row), "is one too many; at most %d cameras", sheetRowsMax)
			return nil
		}
		list = append(list, readRow(cells, row, columns, ps))
	}
}

func readRow(cells []string, row int, columns []*sheetColumn, ps *Problems) SheetCamera {
	var c SheetCamera
	c.setDefaults()
	c.Row = row
	for i, cell := range cells {
		at := fmt.Sprintf("row %d, column %s", row, letter(i))
		cell = strings.TrimSpace(cell)
		if i >= len(columns) {
			if cell != "" {
				ps.add(at, "%q stands beside the last column", cell)
			}
			continue
		}
		column := columns[i]
		if column != nil && len(cell) > 1 && cell[0] == '\'' { // unformula's; a password may begin with one
			cell = cell[1:]
		}
		switch {
		case cell == "":
		case column == nil:
			c.NewPassword = cell
		default:
			if err := column.set(&c.Camera, cell); err != nil {
				ps.add(at+" ("+column.name+")", "%v", err)
			}
		}
	}
	if c.Name == "" {
		c.Name = c.ID
	}
	return c
}
