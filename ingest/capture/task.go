package capture

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/framebeam/framebeam/ingest/config"
)

// task is what a capturing process is told to play: what is read as one stream
// and has an epoch of its own, a video file, an image folder, a scene, a connection.
type task struct {
	Name   string        // for messages
	Camera config.Camera // its Source has only this stream's files

	Start time.Time // capture time of the first frame of files
	Pass  int       // of files: how often they were played before
	Salt  string    // of [Options]
	// Published is that of [Options].
	Published map[string]int64 `json:",omitempty"`
	// Last is the camera's last capture time so far: time goes on from there also
	// in a process that is new.
	Last time.Time
}

// maxTask bounds a task's text: the names of the files of a very large folder.
const maxTask = 1 << 30

// writeTask sends a task: the length of its JSON in four bytes, and the JSON.
func writeTask(w io.Writer, t *task) error {
	text, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("describe the source: %w", err)
	}
	if len(text) > maxTask {
		return fmt.Errorf("the source's description has %d bytes, more than %d: too many files", len(text), maxTask)
	}
	_, err = w.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}

// readTask receives one; the error is io.EOF if there is none any more.
func readTask(r io.Reader) (*task, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n > maxTask {
		return nil, fmt.Errorf("a task of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, err
	}
	t := new(task)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("task: %w", err)
	}
	return t, nil
}
