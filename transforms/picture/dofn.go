package picture

import (
	"context"
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
)

func init() {
	beam.RegisterDoFn(&renderFn{})
	register.Emitter2[string, int]()
	beam.RegisterType(reflect.TypeOf(output.File{}))
}

// Counters of [Render], in the namespace "framebeam"; see [Rendered].
const (
	PacksRendered    = "packs_rendered"
	PartialRendered  = "partial_packs_rendered"
	PicturesRendered = "pictures_rendered"
	FramesMissing    = "frames_missing"
	PacksKept        = "packs_kept"
)

// Render makes the pictures of an output's results files (a PCollection of
// output.File, from [output.Output.Files]), each file by itself: see
// [Renderer.Render]. It ends the pipeline and counts in the counters above.
func Render(s beam.Scope, cfg RenderConfig, files beam.PCollection) {
	s = s.Scope("picture.Render")
	if err := cfg.Validate(); err != nil {
		panic(fmt.Sprintf("picture.Render: %v", err))
	}
	element.End(s, beam.ParDo(s, &renderFn{Config: cfg}, beam.Reshuffle(s, files)))
}

type renderFn struct {
	Config RenderConfig

	renderer *Renderer

	packs, partial, pictures, missing, kept beam.Counter
}

// Setup opens the output and the log.
func (fn *renderFn) Setup(ctx context.Context) (err error) {
	fn.packs = beam.NewCounter("framebeam", PacksRendered)
	fn.partial = beam.NewCounter("framebeam", PartialRendered)
	fn.pictures = beam.NewCounter("framebeam", PicturesRendered)
	fn.missing = beam.NewCounter("framebeam", FramesMissing)
	fn.kept = beam.NewCounter("framebeam", PacksKept)
	if fn.renderer == nil {
		fn.renderer, err = OpenRenderer(ctx, fn.Config)
	}
	return err
}

// Teardown closes what Setup opened.
func (fn *renderFn) Teardown() error {
	if fn.renderer == nil {
		return nil
	}
	err := fn.renderer.Close()
	fn.renderer = nil
	return err
}

// ProcessElement renders one file's pictures and emits nothing.
func (fn *renderFn) ProcessElement(ctx context.Context, file output.File, _ func(string, int)) error {
	done, err := fn.renderer.Render(ctx, file)
	if err != nil {
		return err
	}
	fn.packs.Inc(ctx, int64(done.Packs))
	fn.partial.Inc(ctx, int64(done.Partial))
	fn.pictures.Inc(ctx, int64(done.Pictures))
	fn.missing.Inc(ctx, int64(done.Missing))
	fn.kept.Inc(ctx, int64(done.Kept))
	return nil
}
