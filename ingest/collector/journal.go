package collector

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
)

// journal is what a collector of files knows of the topic when it ends or is
// killed, so that the next one need not read all of it. It is a copy of what lies
// there: without it, or with one of another topic, the topic is read.
type journal struct {
	Topic      string           `json:"topic"`
	ID         string           `json:"id"` // of the topic; "" where the brokers have none
	Partitions map[int]mark     `json:"partitions"`
	Cameras    map[string]known `json:"cameras"`
}

// journalFile is a journal as it lies in its file. A number that flips there would
// lose frames, so it has a checksum.
type journalFile struct {
	Format  int             `json:"format"`
	SHA256  string          `json:"sha256"` // of Journal as it stands there
	Journal json.RawMessage `json:"journal"`
}

const journalFormat = 1

// mark says how far a partition is known.
type mark struct {
	End    int64  `json:"end"`    // everything before it is accounted for in Cameras
	Anchor int64  `json:"anchor"` // offset of the last record that is
	Digest uint64 `json:"digest"` // of that record, without its timestamp
}

// known is what is known of a camera's frames in its partition.
type known struct {
	From int64 `json:"from"` // nothing before it was looked at
	// Epochs has, by epoch, the first sequence number that is not there. Frames of
	// live epochs are left out: they cannot come again.
	Epochs map[string]int64 `json:"epochs"`
}

// readJournal reads the file; one that is not there, damaged or of another topic
// is an empty journal.
func readJournal(path, topic, id string) (j journal) {
	b, err := os.ReadFile(path)
	if err != nil {
		return journal{}
	}
	var f journalFile
	if json.Unmarshal(b, &f) != nil || f.Format != journalFormat || f.SHA256 != sum(f.Journal) || json.Unmarshal(f.Journal, &j) != nil {
		return journal{}
	}
	if j.Topic != topic || j.ID != id && j.ID != "" && id != "" {
		return journal{}
	}
	return j
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// encode is j as it lies in a file.
func (j *journal) encode() ([]byte, error) {
	body, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(journalFile{Format: journalFormat, SHA256: sum(body), Journal: body})
	return append(b, '\n'), err
}

// writeJournal replaces the file. Two collectors that write at once may spoil it:
// then it is a damaged one.
func writeJournal(path string, b []byte) error {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.WriteFile(temporary, b, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
