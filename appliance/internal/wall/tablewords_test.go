package wall

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

// TestEveryColumnAndListHasItsWords: in each language, and none is left over.
func TestEveryColumnAndListHasItsWords(t *testing.T) {
	columns := slices.Concat(reviewHead(), peopleHead(), auditHead())
	slices.Sort(columns)
	columns = slices.Compact(columns)
	require.Equal(t, columns, slices.Sorted(maps.Keys(columnWords())))

	lists := map[string]bool{}
	for _, row := range reviewTable(everyList(), tongue{})[1:] {
		lists[row[0]] = true
		if row[0] == "left_out" {
			lists[row[1]] = true
		}
	}
	for code := range listWords() {
		require.True(t, lists[code], "a word for list %s that no table has", code)
	}
	for i, language := range tableLanguages() {
		words, err := newTongue(language)
		require.NoError(t, err)
		for _, column := range columns {
			require.NotEmpty(t, columnWords()[column][i], "%s in %s", column, language)
		}
		heads := words.head(reviewHead())
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(heads))), len(heads), "two columns of one name")
		for code := range lists {
			require.NotEqual(t, code, words.list(code), "list in %s", language)
		}
	}
	require.Equal(t, "与上期对比 · 按小时", tongue{language: "zh-CN"}.list("change_hour"))
	require.Equal(t, "change_hour", tongue{}.list("change_hour"))
}

// everyList is a report with something in each list.
func everyList() review.Report {
	r := review.Report{
		LeftOut: map[string]int{"place": 1, "sources": 1, "cells": 1, "orders": 1}, Missing: []string{"2026-01-01"}, Trend: []review.Trend{{}}, Groups: map[string][]review.Row{},
		Responses: []review.Response{{}}, Repeats: []review.Row{{}}, Cells: []review.Cell{{}}, Orders: []review.Orders{{}},
		Compared: &review.Comparison{Changes: []review.Change{{}}, Groups: map[string][]review.Change{}},
	}
	r.Week = [][]int{{1}}
	for _, kind := range []string{"rule", "camera", "pillar", "drone"} {
		r.Sources = append(r.Sources, review.Source{Kind: kind})
	}
	for _, group := range review.Groups() {
		r.Groups[group] = []review.Row{{}}
		r.Compared.Groups[group] = []review.Change{{}}
	}
	return r
}

// TestNoCodeIsLeftInATableForPeople: what rows are about is in words, in each
// language; ids, dates and hours stay, and without a language all does.
func TestNoCodeIsLeftInATableForPeople(t *testing.T) {
	codes := map[string][]string{
		"response": {"open", "acknowledged", "dispatched", "on_scene", "arrival", "whole"},
		"order":    {"task", "push", "supervision", "instruction", "visit", "patrol", "work_order"},
		"left_out": {"place", "kind", "team", "sources", "cells", "orders"},
		"kind":     {"alarm", "duress", "intrusion", "drone_silent", "device_offline", "theft", ""},
		"source":   {"press", "sighting", "drone", "device", "call_110", "walk_in", "patrol", "hq"},
		"team":     {review.PersonsRow, ""}, "weekday": {"1", "7"}, "week": {"3/08"}, "change_weekday": {"2"}, "change_kind": {"alarm"},
		"change": {"incidents", "alerts", "false_alarms", "resolved", "transferred", "escalated", "unshown", "reopened"},
	}
	for _, row := range reviewTable(everyList(), tongue{})[1:] {
		if row[0] == "count" {
			codes["count"] = append(codes["count"], row[1])
		}
	}
	require.Len(t, codes["count"], 8)
	for _, language := range tableLanguages() {
		words, err := newTongue(language)
		require.NoError(t, err)
		for list, keys := range codes {
			for _, key := range keys {
				said := words.key(list, key)
				require.NotEmpty(t, said, "%s %s in %s", list, key, language)
				require.NotEqual(t, key, said, "%s in %s", list, language)
				require.Equal(t, key, tongue{}.key(list, key))
			}
		}
		require.Equal(t, "b2", words.key("beat", "b2"))
		require.Equal(t, "2026-01-31", words.key("day", "2026-01-31"))
		for _, typ := range []string{
			desk.TypeAlertShown, desk.TypeDutyChanged, desk.TypePatrolLooked, desk.TypeDrillMarked, desk.TypeReviewPeople, desk.TypeUplinkSetAside, desk.TypeUplinkResent,
			desk.TypeReceiptAccepted, desk.TypeReceiptRejected, accessPrefix + "login", accessPrefix + "exported", desk.TypeLooked,
		} {
			require.NotEqual(t, typ, words.event(typ), language)
			require.Equal(t, typ, tongue{}.event(typ))
		}
	}
	zh, err := newTongue("zh-CN")
	require.NoError(t, err)
	require.Equal(t, "周三 08", zh.key("week", "3/08"))
	require.Equal(t, "全部级别", func() string { row := []string{"response", "open", ""}; zh.reviewRow(row); return row[2] }())
	for text, said := range map[string]string{
		"tally of everybody": "全体人员的经办记录", "2026-01-01 to 2026-01-07": "2026-01-01 至 2026-01-07", "forbidden GET /api/v1/journal": "无权限：GET /api/v1/journal",
		"made 李雷, role operator all cameras": "创建用户 李雷（接警员）", "changed wang: role officer → lead, disabled": "修改用户 wang：角色由警员改为值班领导、停用",
		"asked by li, approved by zhou: erase alarm/2: court order 7 (ABCD)": "依法删除数据 alarm/2：li 申请，zhou 批准", "未知": "未知",
	} {
		require.Equal(t, said, zh.why(text))
		require.Equal(t, text, tongue{}.why(text))
	}
}

// TestNothingInATableCalculates, whatever a stranger called himself.
func TestNothingInATableCalculates(t *testing.T) {
	for _, cell := range []string{"=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1"} {
		require.Equal(t, "'"+cell, plainCell(cell))
	}
	for _, cell := range []string{"", "张伟", "a=b", "2026-01-01"} {
		require.Equal(t, cell, plainCell(cell))
	}
}
