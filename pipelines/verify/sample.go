package verify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/pipelines/remake"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/log"
)

// chosen is a chunk of the sample: those with the lowest numbers are taken.
type chosen struct {
	chunk.ID
	number uint64
}

// number depends on nothing but the chunk and the seed.
func number(seed uint64, id chunk.ID) uint64 {
	b := binary.BigEndian.AppendUint64(nil, seed)
	b = binary.BigEndian.AppendUint64(b, uint64(id.Index))
	sum := sha256.Sum256(append(b, id.Key()...))
	return binary.BigEndian.Uint64(sum[:])
}

// sample makes some chunks again and compares their bytes.
func (l *looking) sample(ctx context.Context) error {
	if l.run.Sample <= 0 || l.run.Output == nil || l.run.Archive == nil {
		return nil
	}
	var all []chosen
	n := l.run.Output.N()
	for i := range l.outputs {
		part := &l.outputs[i]
		of := l.archived[part.Partition]
		for _, k := range part.well {
			if k < part.First || of == nil || !of.covered.Covers(chunk.Span(max(part.base, k*n), (k+1)*n)) {
				continue
			}
			id := chunk.ID{Partition: part.Partition, Index: k}
			all = append(all, chosen{id, number(l.run.Seed, id)})
		}
	}
	slices.SortFunc(all, func(a, b chosen) int { return cmp.Compare(a.number, b.number) })
	all = all[:min(len(all), l.run.Sample)]
	slices.SortFunc(all, func(a, b chosen) int {
		return cmp.Or(strings.Compare(a.Key(), b.Key()), cmp.Compare(a.Index, b.Index))
	})
	l.total += int64(len(all))
	for _, c := range all {
		if err := l.reproduce(ctx, c.ID); err != nil {
			return err
		}
		l.step()
	}
	return nil
}

func (l *looking) reproduce(ctx context.Context, id chunk.ID) error {
	r := Reproduced{Topic: id.Topic, Partition: id.Partition.ID, Chunk: id.Index}
	dir, err := os.MkdirTemp("", "framebeam-verify-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	source := remake.Source{Output: l.run.Output, Log: log.Spec{Kind: archive.Kind, Root: l.run.Archive.Files().Root()}}
	made, err := source.Chunk(ctx, dir, id.Partition, id.Index)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, remake.ErrOtherPlatform), errors.Is(err, output.ErrNoStates):
		r.Skipped = err.Error()
	case err != nil:
		l.add([]output.Fault{{Kind: "results", ID: id, File: l.run.Output.Names(id).Results, What: "it cannot be made again: " + err.Error()}})
	default:
		if r.Same, err = l.same(ctx, made, id); err != nil {
			return err
		}
	}
	l.report.Sample = append(l.report.Sample, r)
	return nil
}

// same compares a chunk's results and states.
func (l *looking) same(ctx context.Context, made *output.Output, id chunk.ID) (bool, error) {
	same := true
	names := l.run.Output.Names(id)
	for _, f := range []struct{ kind, file, of string }{{"results", names.Results, made.Names(id).Results}, {"states", names.States, made.Names(id).States}} {
		want, err := made.Folder().Read(ctx, f.of)
		if err != nil {
			return false, err
		}
		had, err := l.run.Output.Folder().Read(ctx, f.file)
		if f.kind == "states" && errors.Is(err, fs.ErrNotExist) {
			continue // given up
		}
		if err != nil {
			return false, err
		}
		if !bytes.Equal(want, had) {
			same = false
			l.add([]output.Fault{{Kind: f.kind, ID: id, File: f.file, What: "analysing its frames again gives other bytes"}})
		}
	}
	return same, nil
}
