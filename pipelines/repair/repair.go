// Package repair makes again what [verify] found missing or damaged: an archive's files from
// the topic while it has the frames, an output's by analysing the frames again with the states
// before them. What is repaired has the bytes that it had. Damaged files are moved aside,
// never removed.
package repair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/pipelines/verify"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/log"
)

// Run is what to repair, and out of what.
type Run struct {
	Output  *output.Output  // nil: none
	Archive *archive.Folder // nil: none
	// Topic is the log that the frames came from; nil: it is not to be had.
	Topic *log.Spec
	// Pictures are which of damaged packs of pictures are made again; "": none. See
	// picture.PackSpec.
	Pictures string
	// Done is told what was repaired, as it is.
	Done func(verify.Finding)
}

// Failure is a finding that could not be repaired.
type Failure struct {
	verify.Finding
	Why string `json:"why"`
}

func (f *Failure) String() string { return f.Finding.String() + ": not repaired: " + f.Why }

// back is how many chunks before a damaged one are analysed again at most, to come to
// its states, where the states just before it were given up.
const back = 64

// Repair repairs what was found, in the order of the log, and returns what it could not. It
// may end anywhere and be done again.
func (r *Run) Repair(ctx context.Context, found []verify.Finding) (failed []Failure, err error) {
	frames, rest := split(found)
	if failed, err = r.archive(ctx, frames); err != nil {
		return nil, err
	}
	for _, of := range rest {
		if r.Pictures == "" {
			images := slices.DeleteFunc(slices.Clone(of), func(f verify.Finding) bool { return f.Kind != "images" })
			failed = r.note(failed, images, errors.New("which pictures it had is not written down: say --remake-images"))
			of = slices.DeleteFunc(of, func(f verify.Finding) bool { return f.Kind == "images" })
		}
		if len(of) == 0 {
			continue
		}
		why := r.chunk(ctx, of)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failed = r.note(failed, of, why)
	}
	return failed, nil
}

// archive archives files again that something is wrong with.
func (r *Run) archive(ctx context.Context, found []verify.Finding) (failed []Failure, err error) {
	if len(found) == 0 {
		return nil, nil
	}
	if r.Topic == nil {
		return r.note(nil, found, errors.New("the topic is needed for it: say --brokers")), nil
	}
	l, err := log.Open(ctx, *r.Topic)
	if err != nil {
		return r.note(nil, found, err), ctx.Err()
	}
	defer l.Close()
	for i := range found {
		why := r.frames(ctx, l, &found[i])
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failed = r.note(failed, found[i:i+1], why)
	}
	return failed, nil
}

func (r *Run) note(failed []Failure, of []verify.Finding, why error) []Failure {
	for _, f := range of {
		switch {
		case why != nil:
			failed = append(failed, Failure{f, why.Error()})
		case r.Done != nil:
			r.Done(f)
		}
	}
	return failed
}

// split are the findings of archives, and those of outputs by chunk, each in the order of
// the log.
func split(found []verify.Finding) (frames []verify.Finding, rest [][]verify.Finding) {
	sorted := slices.Clone(found)
	slices.SortStableFunc(sorted, func(a, b verify.Finding) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Chunk, b.Chunk))
	})
	for _, f := range sorted {
		if f.In == "archive" {
			frames = append(frames, f)
			continue
		}
		if n := len(rest); n > 0 && rest[n-1][0].ID() == f.ID() {
			rest[n-1] = append(rest[n-1], f)
			continue
		}
		rest = append(rest, []verify.Finding{f})
	}
	return frames, rest
}

// frames archives a file again.
func (r *Run) frames(ctx context.Context, l log.Log, f *verify.Finding) error {
	s := archive.Span{ID: f.ID(), N: r.Archive.N(), Start: f.From, End: f.To + 1}
	base, err := r.Archive.Base(ctx, s.Partition)
	if err != nil {
		return err
	}
	first, end, err := l.Bounds(ctx, s.Partition)
	if err != nil {
		return err
	}
	if from := max(base, s.Start); first > from || end < s.End {
		return fmt.Errorf("the topic has offsets %d to %d only", first, end-1)
	}
	if !f.Missing {
		if err := aside(ctx, r.Archive.Files(), f.File); err != nil {
			return err
		}
	}
	crashpoint.At("repair-aside")
	if err := r.Archive.Refill(ctx, l, s); err != nil {
		return err
	}
	crashpoint.At("repair-put")
	return nil
}

// source is where the frames of a chunk are: in the archive if all of them are.
func (r *Run) source(ctx context.Context, id chunk.ID) (log.Spec, error) {
	if r.Archive != nil {
		spec := log.Spec{Kind: archive.Kind, Root: r.Archive.Files().Root()}
		l := archive.NewLog(r.Archive)
		defer l.Close()
		first, end, err := l.Bounds(ctx, id.Partition)
		if n := r.Output.N(); err == nil && first <= id.Index*n && end >= (id.Index+1)*n {
			return spec, nil
		}
		if r.Topic == nil {
			if err == nil {
				err = fmt.Errorf("the archive has offsets %d to %d only", first, end-1)
			}
			return spec, err
		}
	}
	if r.Topic == nil {
		return log.Spec{}, errors.New("its frames are needed: say --archive, or --brokers")
	}
	return *r.Topic, nil
}

// aside moves a damaged file into the journal's folder, under the path that it had.
func aside(ctx context.Context, files *store.Folder, file string) error {
	to := "_framebeam/damaged/" + file
	for n := 2; ; n++ {
		err := files.Move(ctx, file, to)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // somebody else has moved it
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		to = fmt.Sprintf("_framebeam/damaged/%s.%d", file, n)
	}
}
