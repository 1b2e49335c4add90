package live

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Data is the folder in which everything lies.
type Data struct{ Folder string }

// Kafka is the log of frames and events.
func (d Data) Kafka() string { return filepath.Join(d.Folder, "kafka") }

// Results is an output, as analyze has one.
func (d Data) Results() string { return filepath.Join(d.Folder, "results") }

// Archive is an archive of the frames, as archive makes one.
func (d Data) Archive() string { return filepath.Join(d.Folder, "archive") }

// Cameras is the configuration of the collector where none was named.
func (d Data) Cameras() string { return filepath.Join(d.Folder, "cameras.yaml") }

// Analyses is the configuration of what is looked for where none was named.
func (d Data) Analyses() string { return filepath.Join(d.Folder, "analyses.yaml") }

// Published is the collector's journal.
func (d Data) Published() string { return filepath.Join(d.Folder, "published") }

// Alerts is what alerts remember of what they have told.
func (d Data) Alerts() string { return filepath.Join(d.Folder, "alerts") }

// Make makes the folder.
func (d Data) Make() error {
	if err := os.MkdirAll(d.Folder, 0o750); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

// DefaultAnalyses is what is looked for if nobody says something else.
//
//go:embed analyses.yaml
var DefaultAnalyses []byte

// Begin writes a configuration that is not there yet, for this user alone to read, and
// reports whether it did.
func Begin(file string, content []byte) (bool, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("begin %s: %w", file, err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, fmt.Errorf("begin %s: %w", file, errors.Join(err, os.Remove(file)))
	}
	return true, nil
}
