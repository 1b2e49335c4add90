package picture

import (
	"context"
	"fmt"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Finder finds the frames of results in the log again, for whoever draws by himself. It is
// used by one goroutine.
type Finder struct{ frames frames }

// OpenFinder opens the log; close the finder. parse must be what the results were made with.
func OpenFinder(ctx context.Context, spec log.Spec, parse frame.ParseOptions) (*Finder, error) {
	parser, err := frame.NewParser(parse)
	if err != nil {
		return nil, err
	}
	pixels.SingleThreaded()
	l, err := log.Open(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &Finder{frames{l, parser}}, nil
}

// Each calls fn for every row, in order: with its frame, or with the reason why there is
// none. rows are of one partition, by ascending offsets, each once.
func (f *Finder) Each(ctx context.Context, rows []*result.Frame, fn func(row *result.Frame, f *frame.Frame, why string) error) error {
	if err := f.frames.each(ctx, rows, fn); err != nil {
		return fmt.Errorf("find frames: %w", err)
	}
	return nil
}

// Close closes the log.
func (f *Finder) Close() error { return f.frames.log.Close() }

// Log is where the frames lie.
func (f *Finder) Log() log.Log { return f.frames.log }

// Parse reads a record as the results were made. The error is a *frame.Poison.
func (f *Finder) Parse(rec *frame.Record) (frame.Frame, error) { return f.frames.parser.Parse(rec) }
