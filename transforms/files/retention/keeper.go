package retention

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// Every is how often a [Keeper] looks.
const Every = time.Hour

// Keeper gives up what is old beside a job that runs, in the program that submitted it.
type Keeper struct {
	Output, Archive string // folders; "": none
	Rules           Rules
	Every           time.Duration        // 0: [Every]
	Say             func(string, ...any) // what was removed; nil: nobody is told
}

// Beside runs work, and the rules at its start and from time to time until it ends. What
// goes wrong with the rules is told and does not end the work: the next time it is tried
// again.
func (k *Keeper) Beside(ctx context.Context, work func(context.Context) error) error {
	if !k.Rules.Limited() {
		return work(ctx)
	}
	beside, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.run(beside)
	}()
	defer func() {
		stop()
		<-done
	}()
	return work(ctx)
}

func (k *Keeper) run(ctx context.Context) {
	every := k.Every
	if every == 0 {
		every = Every
	}
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for now := time.Now(); ; {
		if err := k.once(ctx, now); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "old files were not removed; it is tried again", "in", every, "error", err)
		}
		select {
		case now = <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

func (k *Keeper) once(ctx context.Context, now time.Time) error {
	r, err := Open(ctx, k.Output, k.Archive)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the job is just about to make it
	}
	if err != nil {
		return err
	}
	r.Rules, r.Now = k.Rules, now
	p, err := r.Plan(ctx)
	if err != nil {
		return err
	}
	if err := p.Do(ctx); err != nil {
		return err
	}
	if files, bytes := p.Goes(); files > 0 && k.Say != nil {
		k.Say("%d old files (%s) removed", files, bytesText(bytes))
	}
	for _, over := range p.Over() {
		slog.WarnContext(ctx, over)
	}
	return nil
}

// Open opens the folders of a run, either of which may be "". The error is fs.ErrNotExist
// if one is not there.
func Open(ctx context.Context, out, arch string) (*Run, error) {
	r := &Run{}
	if out != "" {
		f, err := store.Open(ctx, out)
		if err != nil {
			return nil, err
		}
		if r.Output, err = output.OpenExisting(ctx, f); err != nil {
			return nil, err
		}
	}
	if arch != "" {
		var err error
		if r.Archive, err = archive.Open(ctx, arch); err != nil {
			return nil, fmt.Errorf("open archive: %w", err)
		}
	}
	return r, nil
}
