package table

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/files/output"
)

// progressKey is the key of the progress in the summaries of snapshots.
const progressKey = "framebeam.progress"

// progressFormat is the version of the progress.
const progressFormat = 1

// progress says up to where a table has an output's rows, by topic+partition.
type progress map[string]reached

// reached is how far a table has come in a partition.
type reached struct {
	From int64 `json:"from"` // the first offset
	To   int64 `json:"to"`   // exclusive; the beginning of a chunk
	// Lineages are those of the chunks whose rows the table has.
	Lineages []output.Lineage `json:"lineages"`
}

type progressEntry struct {
	Format     int      `json:"format"`
	Partitions progress `json:"partitions"`
}

// summary is the progress as a commit says it.
func (p progress) summary() (map[string]string, error) {
	b, err := json.Marshal(progressEntry{progressFormat, p})
	return map[string]string{progressKey: string(b)}, err
}

// progressOf reads the progress of a table.
func progressOf(v *iceberg.Version) (progress, error) {
	if v.Empty() {
		return progress{}, nil
	}
	text, ok := v.Ancestor(progressKey)[progressKey]
	if !ok {
		return nil, fmt.Errorf("version %d of the table does not say which results it has: another program has changed it, and its history is gone", v.Number)
	}
	e := progressEntry{Partitions: progress{}}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return nil, fmt.Errorf("version %d of the table: %w", v.Number, err)
	}
	if e.Format != progressFormat {
		return nil, fmt.Errorf("version %d of the table: format %d of its progress is not known here (only %d)", v.Number, e.Format, progressFormat)
	}
	return e.Partitions, nil
}

// check refuses an output whose chunks, of which the table has the rows, are others now.
func (p progress) check(o *output.Output) error {
	for _, key := range slices.Sorted(maps.Keys(p)) {
		r := p[key]
		part, err := chunk.ParsePartition(key)
		if err != nil {
			return err
		}
		now := o.Lineages(part, chunk.Of(r.From, o.N()), chunk.Of(r.To, o.N()))
		if !slices.Equal(now, r.Lineages) {
			return fmt.Errorf("%v: the table has offsets %d to %d as they were analysed before; since then the output was made anew: "+
				"begin another table", part, r.From, r.To-1)
		}
	}
	return nil
}

// advance is the progress when the chunks up to an offset are in the table too.
func (r reached) advance(o *output.Output, p chunk.Partition, to int64) reached {
	r.To = to
	r.Lineages = o.Lineages(p, chunk.Of(r.From, o.N()), chunk.Of(to, o.N()))
	return r
}
