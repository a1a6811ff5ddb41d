package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"github.com/watchpost-edge/watchpost/bridge"
)

// checkpointsKept: retention never passes the last but one.
const checkpointsKept = 2

const draftSuffix = ".tmp" // a crash may leave one behind

// checkpointHeader is the first line of a checkpoint file; the desk's state
// follows, and at the end the SHA-256 of all before it.
type checkpointHeader struct {
	Version int                                `json:"version"`
	Epoch   string                             `json:"epoch"`
	Place   uint64                             `json:"place"`
	Lanes   map[bridge.Lane]checkpointLaneHead `json:"lanes"`
	Bytes   int                                `json:"bytes"`
}

type checkpointLaneHead struct {
	Sequence uint64 `json:"sequence"`
	Hash     string `json:"hash"`
}

func (j *Journal) checkpointPath(place uint64) string {
	return filepath.Join(j.options.Dir, checkpointDir, fmt.Sprintf("%s-%020d", j.epoch, place))
}

// Checkpoint implements bridge.Appender. The place must be synced. It keeps
// the last two; each is written beside, synced, renamed and read back.
func (j *Journal) Checkpoint(place uint64, state []byte) error {
	if err := j.checkpoint(place, state); err != nil {
		return fmt.Errorf("write checkpoint %d of journal %s: %w", place, j.path, err)
	}
	return nil
}

func (j *Journal) checkpoint(place uint64, state []byte) error {
	j.checkpoints.Lock()
	defer j.checkpoints.Unlock()
	if j.readOnly {
		return ErrReadOnly
	}
	if last := j.Last(); place == 0 || place > last {
		return fmt.Errorf("the journal is synced to %d", last)
	}
	lanes, err := j.checkpointLanes(place)
	if err != nil {
		return err
	}
	content, err := encodeCheckpoint(checkpointHeader{Version: 1, Epoch: j.epoch, Place: place, Lanes: lanes, Bytes: len(state)}, state)
	if err != nil {
		return err
	}
	dir := filepath.Join(j.options.Dir, checkpointDir)
	if err := makeDir(dir); err != nil {
		return err
	}
	if err := writeFileSynced(j.checkpointPath(place), content); err != nil {
		return err
	}
	back, err := j.readCheckpoint(place)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(back, state) {
		return errors.New("read back: the state differs")
	}
	return j.dropCheckpoints()
}

func (j *Journal) checkpointLanes(place uint64) (map[bridge.Lane]checkpointLaneHead, error) {
	lanes := map[bridge.Lane]checkpointLaneHead{}
	end := j.ends()
	err := j.view(func(txn *badger.Txn) error {
		at, err := j.headsAt(txn, place, &end)
		if err != nil {
			return err
		}
		for _, lane := range bridge.Lanes() {
			h := at.lane(lane)
			lanes[lane] = checkpointLaneHead{Sequence: h.sequence, Hash: h.hash}
		}
		return nil
	})
	return lanes, err
}

// Newest implements bridge.Appender: the newest checkpoint of this epoch whose
// sum is right and whose lanes are those of the journal. One that is not is
// named in the log and passed over.
func (j *Journal) Newest() (uint64, []byte, error) {
	places, err := j.checkpointPlaces()
	if err != nil {
		return 0, nil, fmt.Errorf("list checkpoints of journal %s: %w", j.path, err)
	}
	for _, place := range slices.Backward(places) {
		state, err := j.readCheckpoint(place)
		if err == nil {
			return place, state, nil
		}
		j.options.Logger.Error("checkpoint passed over", "checkpoint", j.checkpointPath(place), "err", err)
	}
	return 0, nil, nil
}

func (j *Journal) readCheckpoint(place uint64) ([]byte, error) {
	content, err := os.ReadFile(j.checkpointPath(place))
	if err != nil {
		return nil, err
	}
	header, state, err := decodeCheckpoint(content)
	if err != nil {
		return nil, err
	}
	if header.Epoch != j.epoch || header.Place != place {
		return nil, fmt.Errorf("it is of epoch %s, place %d", header.Epoch, header.Place)
	}
	if last := j.Last(); place > last {
		return nil, fmt.Errorf("it is beyond the journal's end at %d", last)
	}
	lanes, err := j.checkpointLanes(place)
	if err != nil {
		return nil, err
	}
	for lane, h := range lanes {
		if header.Lanes[lane] != h {
			return nil, fmt.Errorf("%s stands at %v there: the journal has %v", lane, header.Lanes[lane], h)
		}
	}
	return state, nil
}

// checkpointPlaces are the places of this epoch's checkpoint files, ascending.
func (j *Journal) checkpointPlaces() ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Join(j.options.Dir, checkpointDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var places []uint64
	for _, entry := range entries {
		text, ok := strings.CutPrefix(entry.Name(), j.epoch+"-")
		if place, err := strconv.ParseUint(text, 10, 64); ok && err == nil {
			places = append(places, place)
		}
	}
	slices.Sort(places)
	return places, nil
}

func (j *Journal) dropCheckpoints() error {
	unfinished, err := filepath.Glob(filepath.Join(j.options.Dir, checkpointDir, "*"+draftSuffix))
	if err != nil {
		return err
	}
	for _, path := range unfinished {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	places, err := j.checkpointPlaces()
	if err != nil || len(places) <= checkpointsKept {
		return err
	}
	for _, place := range places[:len(places)-checkpointsKept] {
		if err := os.Remove(j.checkpointPath(place)); err != nil {
			return err
		}
	}
	return nil
}

func encodeCheckpoint(header checkpointHeader, state []byte) ([]byte, error) {
	line, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	content := append(line, '\n')
	content = append(content, state...)
	sum := sha256.Sum256(content)
	return append(content, sum[:]...), nil
}

func decodeCheckpoint(content []byte) (checkpointHeader, []byte, error) {
	if len(content) < sha256.Size {
		return checkpointHeader{}, nil, errors.New("it is too short")
	}
	body, sum := content[:len(content)-sha256.Size], content[len(content)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return checkpointHeader{}, nil, errors.New("its SHA-256 does not fit")
	}
	line, err := bufio.NewReader(bytes.NewReader(body)).ReadBytes('\n')
	if err != nil {
		return checkpointHeader{}, nil, errors.New("it has no header")
	}
	var header checkpointHeader
	if err := json.Unmarshal(line, &header); err != nil {
		return checkpointHeader{}, nil, fmt.Errorf("header: %w", err)
	}
	state := body[len(line):]
	if header.Version != 1 || header.Bytes != len(state) {
		return checkpointHeader{}, nil, fmt.Errorf("header says version %d and %d bytes, there are %d", header.Version, header.Bytes, len(state))
	}
	return header, state, nil
}

// writeFileSynced writes beside, syncs, renames and syncs the directory: the
// file is there whole or not at all.
func writeFileSynced(path string, content []byte) error {
	draft := path + draftSuffix
	file, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
