package wall

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

// The words are those of the pages, so that a table says what the screen says.
//
//go:embed web/src/app/locales/zh-CN.json web/src/app/locales/en.json web/src/access/auditRules.json
var pageWords embed.FS

// tableLanguages are those that a table can be asked in, in the order of the
// words in tablewords.go.
func tableLanguages() []string { return []string{"zh-CN", "en"} }

// tongue puts codes of a table into words; the zero value leaves them.
type tongue struct {
	language string
	pages    map[string]map[string]any
	audit    struct{ texts, changes []auditRule }
}

// auditRule knows a text of the audit, and the word that says it.
type auditRule struct {
	pattern *regexp.Regexp
	key     string
}

// tongueOf is the language that the request asks for.
func tongueOf(c *fiber.Ctx) (tongue, error) {
	language := strings.Clone(c.Query("language"))
	if language != "" && !slices.Contains(tableLanguages(), language) {
		return tongue{}, badField(http.StatusBadRequest, "field_invalid", "language", language, strings.Join(tableLanguages(), " or ")+"; without it headings and values are codes")
	}
	return newTongue(language)
}

func newTongue(language string) (tongue, error) {
	t := tongue{language: language}
	if language == "" {
		return t, nil
	}
	if err := readPageWords("app/locales/"+language+".json", &t.pages); err != nil {
		return t, err
	}
	var rules struct{ Texts, Changes [][2]string }
	if err := readPageWords("access/auditRules.json", &rules); err != nil {
		return t, err
	}
	for _, one := range []struct {
		from [][2]string
		to   *[]auditRule
	}{{rules.Texts, &t.audit.texts}, {rules.Changes, &t.audit.changes}} {
		for _, rule := range one.from {
			pattern, err := regexp.Compile(rule[0])
			if err != nil {
				return t, fmt.Errorf("read rule %s of the audit: %w", rule[1], err)
			}
			*one.to = append(*one.to, auditRule{pattern, rule[1]})
		}
	}
	return t, nil
}

func readPageWords(name string, into any) error {
	text, err := pageWords.ReadFile("web/src/" + name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("read words %s: %w", name, err)
	}
	return nil
}

// head are the headings of columns.
func (t tongue) head(columns []string) []string {
	words := make([]string, len(columns))
	for i, column := range columns {
		words[i] = t.word(columnWords(), column)
	}
	return words
}

// list is the name of a list of the report; a comparison's is of one by which
// the incidents are grouped.
func (t tongue) list(code string) string {
	words := listWords()
	if of, is := strings.CutPrefix(code, "change_"); is && t.language != "" {
		return t.word(words, "change") + " · " + t.word(words, of)
	}
	return t.word(words, code)
}

func (t tongue) word(words map[string][2]string, code string) string {
	i := slices.Index(tableLanguages(), t.language)
	if i < 0 || words[code][i] == "" {
		return code
	}
	return words[code][i]
}

// page is a code in the words of the pages: of the first group that has it,
// else the code.
func (t tongue) page(code string, groups ...string) string {
	for _, group := range groups {
		if word, is := t.pages[group][strings.ReplaceAll(code, ".", "_")].(string); is {
			return word
		}
	}
	return code
}

// key is what a row of a list of the report is about. Ids, dates and hours are
// the same in all languages.
func (t tongue) key(list, key string) string {
	if t.language == "" {
		return key
	}
	list = strings.TrimPrefix(list, "change_")
	switch list {
	case "count", "change":
		return t.page(key, "reviewTotal")
	case "left_out":
		return t.list(key)
	case "week":
		day, hour, _ := strings.Cut(key, "/")
		return t.page("d"+day, "weekday") + " " + hour
	case "response":
		return t.page(key, "responseState")
	case "order":
		return t.page(key, "taskKind")
	}
	switch {
	case key == "" && slices.Contains(review.Groups(), list):
		return t.page("none", "review")
	case list == "weekday":
		return t.page("d"+key, "weekday")
	case list == "kind", list == "source":
		return t.page(key, "reviewKey", "kind")
	case list == "team":
		return t.page(key, "reviewKey")
	}
	return key
}

// event is the type of an event of lane local.
func (t tongue) event(typ string) string {
	if t.language == "" {
		return typ
	}
	code := strings.TrimPrefix(typ, "watchpost.")
	if kind, is := strings.CutPrefix(typ, accessPrefix); is {
		return t.page(kind, "auditKind")
	}
	if word := t.page(code, "step"); word != code {
		return word
	}
	return typ
}

// why is a text that the box wrote into the audit.
func (t tongue) why(text string) string {
	key, values := ruleOf(t.audit.texts, text)
	if key == "" {
		return text
	}
	if key == "changedUser" {
		parts := strings.Split(values[1], ", ")
		for i, part := range parts {
			if change, of := ruleOf(t.audit.changes, part); change != "" {
				parts[i] = t.fill(change, of)
			}
		}
		values[1] = strings.Join(parts, t.page("comma", "scope"))
	}
	return t.fill(key, values)
}

// ruleOf is the word's key for a text, and what it stands there with: a to d.
func ruleOf(rules []auditRule, text string) (key string, values [4]string) {
	for _, rule := range rules {
		if match := rule.pattern.FindStringSubmatch(text); match != nil {
			copy(values[:], match[1:])
			return rule.key, values
		}
	}
	return "", values
}

func (t tongue) fill(key string, values [4]string) string {
	slots := make([]string, 0, 2*len(values))
	for i, value := range values {
		slots = append(slots, "{"+string(rune('a'+i))+"}", t.page(value, "role", "act"))
	}
	return strings.NewReplacer(slots...).Replace(t.page(key, "auditWhy"))
}
