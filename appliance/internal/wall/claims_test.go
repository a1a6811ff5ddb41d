package wall_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// TestPairsOfClaims: two operators claim each incident at the same moment over
// HTTP; one has it, the other is told who. WATCHPOST_CLAIMS is how many (1,000
// in make soak).
func TestPairsOfClaims(t *testing.T) {
	pairs := 100
	if text := os.Getenv("WATCHPOST_CLAIMS"); text != "" {
		var err error
		pairs, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	b := newBox(t)
	clients := []*client{b.as(t, "operator"), b.as(t, "admin")}
	incidents := make([]string, pairs)
	for i := range incidents {
		result, err := b.desk.Handle(t.Context(), desk.ReportIn{
			Source: "call_110", Kind: "theft", Place: fmt.Sprint("街 ", i), By: desk.Actor{Name: "operator", Role: "operator"},
		})
		require.NoError(t, err)
		incidents[i] = result.Incident
	}
	var mu sync.Mutex
	answers := map[string][]int{}
	names := map[string]map[string]bool{} // whom the answers name
	for batch := range slices.Chunk(incidents, 50) {
		var wait sync.WaitGroup
		for _, id := range batch {
			for _, c := range clients {
				wait.Go(func() {
					status, by, err := c.claim(id)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
						return
					}
					answers[id] = append(answers[id], status)
					if names[id] == nil {
						names[id] = map[string]bool{}
					}
					names[id][by] = true
				})
			}
		}
		wait.Wait()
	}
	require.Len(t, answers, pairs)
	for id, got := range answers {
		slices.Sort(got)
		require.Equal(t, []int{http.StatusOK, http.StatusConflict}, got)
		require.Len(t, names[id], 1, "both see who has it")
	}
	t.Logf("%d pairs of claims: one 200 and one 409 each", pairs)
}

// claim asks for the incident, and gives the status and who the answer says
// has it.
func (c *client) claim(id string) (status int, by string, err error) {
	answer, err := c.http.Post(c.url+"/api/v1/incidents/"+id+"/claim", "application/json", nil)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	var body struct {
		By       string `json:"by"`
		Incident struct {
			ClaimedBy string `json:"claimed_by"`
		} `json:"incident"`
	}
	err = json.NewDecoder(answer.Body).Decode(&body)
	return answer.StatusCode, body.By + body.Incident.ClaimedBy, err
}

// TestMergeOverHTTP: what the room may do with two incidents, by role.
func TestMergeOverHTTP(t *testing.T) {
	b := newBox(t)
	operator, lead, screen := b.as(t, "operator"), b.as(t, "lead"), b.as(t, "wall")
	report := func(kind string) string {
		_, body := operator.do("POST", "/api/v1/incidents", object{"source": "call_110", "kind": kind, "place": "南口"})
		return body["incident"].(object)["id"].(string)
	}
	one, two := report("theft"), report("fight")
	path := "/api/v1/incidents/" + one
	require.Equal(t, 403, first(screen.do("POST", path+"/link", object{"other": two})))
	require.Equal(t, 200, first(operator.do("POST", path+"/link", object{"other": two})))
	status, problem := operator.do("POST", path+"/merge", object{"other": two})
	require.Equal(t, []any{422, "reason"}, []any{status, problem["field"]})
	status, body := operator.do("POST", path+"/merge", object{"other": two, "reason": "同一事"}, with("Idempotency-Key", "m"))
	require.Equal(t, 200, status)
	matches(t, "IncidentAnswer", body)
	alerts := body["incident"].(object)["alerts"].([]any)
	require.Len(t, alerts, 2)
	require.Equal(t, one, operator.get("/api/v1/incidents/"+two, "IncidentAnswer")["incident"].(object)["merged_into"])
	status, body = operator.do("POST", path+"/split", object{"alerts": alerts[1:], "reason": "两件事"})
	require.Equal(t, 200, status)
	require.Len(t, body["incident"].(object)["alerts"], 1)
	require.Equal(t, 409, first(operator.do("POST", path+"/dispatch", nil)), "nobody has answered it")
	require.Equal(t, 200, first(operator.do("POST", path+"/claim", nil)))
	require.Equal(t, 200, first(operator.do("POST", path+"/dispatch", nil)))
	require.Equal(t, 200, first(operator.do("POST", path+"/arrive", nil)))
	require.Equal(t, 200, first(operator.do("POST", path+"/close", object{"result": "resolved"})))
	require.Equal(t, 403, first(operator.do("POST", path+"/score", object{"points": 1, "reason": "r"})))
	status, body = lead.do("POST", path+"/score", object{"points": 7, "reason": "到场慢"})
	require.Equal(t, 200, status)
	matches(t, "IncidentAnswer", body)
	require.EqualValues(t, 7, body["incident"].(object)["score"].(object)["points"])
}
