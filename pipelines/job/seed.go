package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/source"
)

// note says to whoever asked for the job how what it finds is related to other outputs.
func (j *Job) note(format string, args ...any) {
	if j.Notes != nil {
		fmt.Fprintf(j.Notes, format+"\n", args...)
	}
}

// noteFresh says, once, that a part begins with nothing remembered.
func (j *Job) noteFresh(p chunk.Partition, start int64) {
	if j.fresh[p] {
		return
	}
	if j.fresh == nil {
		j.fresh = map[chunk.Partition]bool{}
	}
	j.fresh[p] = true
	j.note("%v: begins at offset %d with nothing remembered of what lies before, so it may find other things than the whole does: "+
		"--seed takes the states of an output that has the whole", p, start)
}

// seed begins the output in the middle of another one, if that is asked for. An output
// that was seeded from there already is left as it is.
func (j *Job) seed(ctx context.Context, folder *store.Folder, l log.Log) error {
	if j.Seed == "" {
		return nil
	}
	sf, err := store.Open(ctx, j.Seed)
	if err != nil {
		return err
	}
	from, err := output.OpenExisting(ctx, sf)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	was, whole, err := output.ReadSeed(ctx, folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := output.OpenExisting(ctx, folder); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, fmt.Errorf("output %s is there, and not seeded from another one: seed a new one", folder.Root()))
		}
	case err != nil:
		return err
	case was.Root != sf.Root():
		return fmt.Errorf("output %s was seeded from %s, not from %s", folder.Root(), was.Root, sf.Root())
	case whole:
		return nil
	}
	if j.N != 0 && j.N != from.N() {
		return fmt.Errorf("seed %s: %w: it has %d, asked for are %d", sf.Root(), output.ErrOtherLayout, from.N(), j.N)
	}
	s := output.Seed{Begins: map[string]int64{}, Bare: map[string]bool{}}
	partitions, err := l.Partitions(ctx, j.Topic)
	if err != nil {
		return err
	}
	var problems []error
	for _, id := range partitions {
		problems = append(problems, j.seedPartition(ctx, l, from, chunk.Partition{Topic: j.Topic, ID: id}, &s))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	if len(s.Begins) == 0 {
		return fmt.Errorf("seed %s has no partition of topic %s", sf.Root(), j.Topic)
	}
	return output.SeedFrom(ctx, folder, from, s)
}

// seedPartition says where the output begins in a partition.
func (j *Job) seedPartition(ctx context.Context, l log.Log, from *output.Output, p chunk.Partition, s *output.Seed) error {
	first, end, err := l.Bounds(ctx, p)
	if err != nil {
		return err
	}
	start, err := j.start(ctx, l, p, first, end)
	if err != nil {
		return err
	}
	begin, bare, ok, err := from.SeedAt(ctx, p, start)
	if err != nil || !ok {
		return err
	}
	s.Begins[p.Key()] = begin
	if bare {
		s.Bare[p.Key()] = true
	}
	return nil
}

// tellSeed says where a seeded output begins, and which analyses begin afresh there.
func (j *Job) tellSeed(ctx context.Context, out *output.Output, tasks []source.Task) error {
	if j.Seed == "" {
		return nil
	}
	s, _, err := output.ReadSeed(ctx, out.Folder())
	if err != nil {
		return err
	}
	sf, err := store.Open(ctx, s.Root)
	if err != nil {
		return err
	}
	from, err := output.OpenExisting(ctx, sf)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	for i := range tasks {
		t := &tasks[i]
		begin, ok := s.Begins[t.Partition.Key()]
		switch {
		case !ok || t.From != begin:
			continue // unknown to the seed, or under way
		case s.Bare[t.Partition.Key()]:
			j.note("%v: begins at offset %d, where the seed %s began", t.Partition, begin, j.Seed)
			continue
		}
		j.note("%v: begins at offset %d, the first of its chunk, with the states of the seed %s", t.Partition, begin, j.Seed)
		for _, at := range from.Changes(t.Partition, begin) {
			if t.To == chunk.None || at < t.To {
				j.note("%v: in the seed another configuration holds from offset %d on; here one holds throughout", t.Partition, at)
			}
		}
		afresh, err := j.afresh(ctx, out, t)
		if err != nil {
			return err
		}
		if len(afresh) > 0 {
			j.note("%v: the seed's states have nothing of %s with these settings, so what they remember begins afresh at offset %d: "+
				"to let them warm up, give an earlier --from, and look at what comes later", t.Partition, strings.Join(afresh, ", "), begin)
		}
	}
	return nil
}

// afresh are the analyses in sequence that find no state of theirs among those that a
// task goes on from, of any camera.
func (j *Job) afresh(ctx context.Context, out *output.Output, t *source.Task) ([]string, error) {
	states, err := output.OpenStates(ctx, out.Spec())
	if err != nil {
		return nil, err
	}
	analyzer, err := j.Analyses.Sequence.Analyzers()
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, c := range t.Cameras {
		saved, _, ok, err := states.Load(ctx, t.Partition, chunk.Of(c.Last, out.N()), c.Camera)
		if err != nil || !ok {
			return nil, errors.Join(err, ctx.Err())
		}
		a, err := analyzer(c.Camera)
		if err != nil {
			return nil, err
		}
		missing, err := a.Afresh(saved)
		if err != nil {
			return nil, fmt.Errorf("%v camera %s: %w", t.Partition, c.Camera, err)
		}
		for _, name := range missing {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}
