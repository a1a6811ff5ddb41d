package hq

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	ordersFile   = "orders.jsonl"
	typeAnswered = "watchpost.order.answered"
	taskPrefix   = "watchpost.task."
)

// Ordered is an order or an incident that went down, and what came of it.
type Ordered struct {
	Sent    string     `json:"sent"`
	Kind    string     `json:"kind"` // task, incident, cancel (of a task)
	ID      string     `json:"id"`
	Order   rawJSON    `json:"order"`  // as it was sent
	Digest  string     `json:"digest"` // of these bytes
	Answer  *Answer    `json:"answer,omitempty"`
	Answers int        `json:"answers"` // how often the answer came, its copies too
	States  []TaskStep `json:"states"`
}

// Answer is the box's order.answered.
type Answer struct {
	Result   string `json:"result"`
	Reason   string `json:"reason,omitempty"`
	Task     string `json:"task,omitempty"`
	Incident string `json:"incident,omitempty"`
	Event    string `json:"event"`
	Received string `json:"received"`
	Via      string `json:"via"`
}

// TaskStep is one task.… event of an order.
type TaskStep struct {
	Type  string `json:"type"`
	State string `json:"state,omitempty"`
	By    string `json:"by,omitempty"`
	At    string `json:"at"`
	Event string `json:"event"`
}

// noteOrder writes down what is about to be sent, synced.
func (h *HQ) noteOrder(kind string, payload []byte) error {
	var named struct {
		ID     string `json:"id"`
		Cancel bool   `json:"cancel"`
	}
	_ = json.Unmarshal(payload, &named) // an id that is no string is none
	if named.Cancel {
		kind = "cancel"
	}
	sum := sha256.Sum256(payload)
	raw, err := json.Marshal(Ordered{
		Sent: stamp(time.Now()), Kind: kind, ID: named.ID, Order: payload, Digest: sha256TextPrefix + hex.EncodeToString(sum[:]), States: []TaskStep{},
	})
	if err != nil {
		return err
	}
	h.noting.Lock()
	defer h.noting.Unlock()
	f, err := os.OpenFile(filepath.Join(h.conf.Dir, ordersFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("note order: %w", err)
	}
	_, err = f.Write(append(raw, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("note order: %w", err)
	}
	return nil
}

// Orders is a JSON array of what was sent, with what the ledger knows of it.
func (h *HQ) Orders() ([]byte, error) {
	sent := []*Ordered{}
	err := eachLine(filepath.Join(h.conf.Dir, ordersFile), func(raw []byte) error {
		one := &Ordered{}
		sent = append(sent, one)
		return json.Unmarshal(raw, one)
	})
	if err != nil {
		return nil, err
	}
	seen := map[noted]bool{}
	err = eachLine(h.LedgerPath(), func(raw []byte) error {
		// Only these lines are worth reading whole.
		if !bytes.Contains(raw, []byte(typeAnswered)) && !bytes.Contains(raw, []byte(taskPrefix)) {
			return nil
		}
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		if l.Verdict == verdictOK || l.Verdict == verdictDuplicate || l.Verdict == verdictCompleted {
			note(sent, l, seen)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(sent)
}

// noted is an event that an order, by its turn, has already.
type noted struct {
	order int
	event string
}

// note puts one line of the ledger to the orders that it is about.
func note(sent []*Ordered, l line, seen map[noted]bool) {
	var data struct {
		Order, Result, Reason, Task, Incident, State, By, Digest string
		HQID                                                     string   `json:"hq_id"`
		HQIDs                                                    []string `json:"hq_ids"` // several orders that are answered as one
	}
	if json.Unmarshal(l.data(), &data) != nil {
		return
	}
	for i, one := range sent {
		switch {
		case l.Type == typeAnswered && one.Kind == data.Order && (data.Digest == one.Digest || data.Digest == "" && data.HQID == one.ID):
			one.Answers++
			if one.Answer == nil {
				one.Answer = &Answer{
					Result: data.Result, Reason: data.Reason, Task: data.Task, Incident: data.Incident, Event: l.ID, Received: l.Received, Via: l.Via,
				}
			}
		case strings.HasPrefix(l.Type, taskPrefix) && one.Kind == "task" && one.ID != "" && (data.HQID == one.ID || slices.Contains(data.HQIDs, one.ID)) && !seen[noted{i, l.ID}]:
			seen[noted{i, l.ID}] = true
			one.States = append(one.States, TaskStep{
				Type: strings.TrimPrefix(l.Type, taskPrefix), State: data.State, By: data.By, At: l.RecordedTime, Event: l.ID,
			})
		}
	}
}

// eachLine calls each for every whole line of a file that may not be there.
func eachLine(path string, each func([]byte) error) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = scanLines(f, each)
	return err
}
