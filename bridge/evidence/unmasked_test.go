package evidence_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

// unmasked is a case of two leads: the masked clip and its original beside it.
func unmasked(t *testing.T) evidence.Case {
	c, sealed := caseOf(t), append(footage(t), "sealed"...)
	j := &chained{}
	j.add(bridge.Clip, "watchpost.clip.ready", map[string]any{
		"schema": 1, "clip": "01MINCIDENT-东门-1", "part": "whole", "sha256": hexSum(footage(t)), "original_sha256": hexSum(sealed), "masked": true,
	})
	j.add(bridge.Local, "watchpost.access.unmasked", map[string]any{"schema": 1, "by": "王", "why": "court"})
	c.Events, c.Heads = j.seq(), nil
	original := c.Clips[0]
	original.Masked, original.Original, original.Open = false, true, holds(sealed)
	c.Clips = append(c.Clips[:1:1], original)
	c.Unmasked = &evidence.Unmasking{By: "王", Second: "周", Reason: "认人", Approval: "A1", At: c.Made, Event: j.list[1].ID}
	return c
}

func TestOriginalsStandBesideMaskedClipsWithTheirDecision(t *testing.T) {
	b := bundle(t, unmasked(t))
	r := verify(t, b, public)
	require.Empty(t, r.Problems)
	require.True(t, r.Good())
	require.Equal(t, "周", r.Manifest.Unmasked.Second)
	require.Len(t, r.Manifest.Clips, 2)
	require.True(t, strings.HasPrefix(r.Manifest.Clips[0].Path, "clips/"))
	require.True(t, strings.HasPrefix(r.Manifest.Clips[1].Path, "originals/"))
	var text bytes.Buffer
	require.NoError(t, r.Print(&text, "case.zip"))
	require.Contains(t, text.String(), "holds 1 unmasked originals: asked for by 王, approved by 周")
}

func TestOriginalsWithoutADecisionOrUnderAFalseName(t *testing.T) {
	c := unmasked(t)
	c.Unmasked = nil
	require.ErrorContains(t, evidence.Write(t.Context(), &bytes.Buffer{}, c, signer), "nobody is named who let it go")

	c = unmasked(t)
	c.Unmasked.Event = "01MOTHER"
	r := verify(t, bundle(t, c), public)
	require.Len(t, r.Problems, 1)
	require.Contains(t, r.Problems[0].Text, "no such event")

	c = unmasked(t)
	c.Clips[0].Open = c.Clips[1].Open // masked, it says
	r = verify(t, bundle(t, c), public)
	require.Len(t, r.Problems, 1)
	require.Contains(t, r.Problems[0].Text, "called masked and is the unmasked original")
}
