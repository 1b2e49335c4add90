// Package remake makes chunks of an output again, out of the frames and the states before
// them, in an output of their own: the same bytes as if nothing had happened to them.
package remake

import (
	"context"
	"errors"
	"fmt"

	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
)

// ErrOtherPlatform is returned where this program, or what it stands on, is not what a
// chunk was made with: it would get other bytes.
var ErrOtherPlatform = errors.New("made with another version of OpenCV, of the time zones' rules or for another kind of machine than this")

// Source is where chunks are made again from.
type Source struct {
	Output   *output.Output // whose chunks these are
	Log      log.Spec       // the frames
	Pictures string         // which pictures to make too; "": none. See picture.PackSpec
	Back     int64          // how many chunks before it may begin, if the states just before are not there
}

// Chunk makes chunk k of a partition again, in the folder at root, which must be empty.
func (s *Source) Chunk(ctx context.Context, root string, p chunk.Partition, k int64) (*output.Output, error) {
	fail := func(err error) (*output.Output, error) {
		return nil, fmt.Errorf("make %v chunk %d again: %w", p, k, err)
	}
	from, begins, err := s.begin(ctx, p, k)
	if err != nil {
		return fail(err)
	}
	folder, err := store.Open(ctx, root)
	if err != nil {
		return fail(err)
	}
	if err := output.SeedFrom(ctx, folder, s.Output, begins); err != nil {
		return fail(err)
	}
	made, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return fail(err)
	}
	if err := samePlatform(made); err != nil {
		return fail(err)
	}
	if s.Output.Lineage(p, from) != s.Output.Lineage(p, k) {
		return fail(fmt.Errorf("the configuration has changed since chunk %d, the last before it with states", from-1))
	}
	j := job.Job{
		Runner: launch.Direct, Log: s.Log, Topic: p.Topic, Output: root, Partitions: []int32{p.ID},
		Start: plan.At(0), Until: plan.At((k + 1) * s.Output.N()), Remembered: true, Pictures: s.Pictures,
	}
	if _, err := j.Run(ctx); err != nil {
		return fail(err)
	}
	if made, err = output.OpenExisting(ctx, folder); err != nil {
		return fail(err)
	}
	return made, nil
}

// begin is the last chunk, from k back, before which the states are there.
func (s *Source) begin(ctx context.Context, p chunk.Partition, k int64) (from int64, begins output.Seed, err error) {
	var why error
	for from = k; from >= max(0, k-s.Back); from-- {
		at, bare, ok, err := s.Output.SeedAt(ctx, p, from*s.Output.N())
		if err == nil && ok && chunk.Of(at, s.Output.N()) == from {
			return from, output.Seed{Begins: map[string]int64{p.Key(): at}, Bare: map[string]bool{p.Key(): bare}}, nil
		}
		if err == nil { // before the output's beginning
			break
		}
		if why == nil {
			why = err
		}
	}
	if why == nil {
		why = output.ErrNoStates
	}
	return 0, output.Seed{}, why
}

// samePlatform is an error unless the output's newest generation would be gone on with.
func samePlatform(o *output.Output) error {
	gens := o.Generations()
	last := gens[len(gens)-1]
	stages, err := profiles.FromRecord(last.Config)
	if err != nil {
		return err
	}
	if stages.Digest != last.ConfigDigest {
		return fmt.Errorf("%w (OpenCV %s, %s)", ErrOtherPlatform, last.OpenCV, last.Arch)
	}
	return nil
}
