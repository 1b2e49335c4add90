// Package rendering makes the pictures of an output folder: annotated frames,
// packed per chunk, and contact sheets. It needs the results and the frames, in
// Kafka or in an archive, and analyses nothing.
package rendering

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka"
	"github.com/framebeam/framebeam/transforms/picture"
)

// Job is one rendering job.
type Job struct {
	Runner  launch.Engine
	Log     log.Spec
	Output  string   // folder: a local path or scheme://…
	Which   string   // frames: one of picture.Choices; picture.WithDetections by default
	Cameras []string // only these, each packed for itself; none: all, packed together
	Sheets  bool     // draw the contact sheets too
	// Progress is how often a line about the progress goes to standard error; 0: never.
	Progress time.Duration
}

// Done says what a job has made.
type Done struct {
	picture.Rendered
	Sheets []string // files, relative to the output folder
}

// Run renders the pictures of every chunk that is in the output when it starts,
// incomplete ones too.
func (j *Job) Run(ctx context.Context) (Done, error) {
	folder, err := store.Open(ctx, j.Output)
	if err != nil {
		return Done{}, err
	}
	out, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return Done{}, err
	}
	cfg, err := j.config(out)
	if err != nil {
		return Done{}, err
	}
	files, err := out.Files(ctx)
	if err != nil {
		return Done{}, err
	}
	var done Done
	if len(files) > 0 {
		p, s := beam.NewPipelineWithRoot()
		picture.Render(s, cfg, beam.CreateList(s, files))
		meter := &launch.Meter{Interval: j.Progress, Counters: []launch.Counter{
			{Name: counter(picture.PicturesRendered), Label: "pictures"}, {Name: counter(picture.PacksRendered), Label: "packs", Total: int64(len(files))},
		}}
		if err := j.Runner.Run(ctx, p, meter); err != nil {
			return Done{}, err
		}
		total := func(name string) int { return int(meter.Total(counter(name))) }
		done.Rendered = picture.Rendered{
			Packs: total(picture.PacksRendered), Partial: total(picture.PartialRendered), Pictures: total(picture.PicturesRendered),
			Missing: total(picture.FramesMissing), Kept: total(picture.PacksKept),
		}
	}
	if err := picture.SweepPartial(ctx, folder, cfg, files); err != nil {
		return Done{}, err
	}
	if j.Sheets {
		done.Sheets, err = picture.ContactSheets(ctx, cfg)
	}
	return done, err
}

func counter(name string) string { return "framebeam/" + name }

// config takes how records are parsed from the configuration with which the
// output was made last.
func (j *Job) config(out *output.Output) (picture.RenderConfig, error) {
	l, err := j.Log.Absolute()
	if err != nil {
		return picture.RenderConfig{}, err
	}
	root, err := store.Absolute(j.Output)
	if err != nil {
		return picture.RenderConfig{}, err
	}
	cfg := picture.RenderConfig{
		Output:  root,
		Pack:    picture.PackSpec{Log: l, Which: j.Which},
		Cameras: j.Cameras,
	}
	if gens := out.Generations(); len(gens) > 0 {
		made, err := profiles.Recorded(gens[len(gens)-1].Config)
		if err != nil {
			return cfg, fmt.Errorf("output %s: %w", j.Output, err)
		}
		cfg.Parse = made.Parse
		texts := make([]string, len(gens))
		for i, g := range gens {
			texts[i] = g.Config
		}
		cfg.Pack.Shapes = profiles.Shapes(texts...)
	}
	return cfg, cfg.Validate()
}
