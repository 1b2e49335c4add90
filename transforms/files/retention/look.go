package retention

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
)

// look is what is known of a chunk.
type look struct {
	newest  int64 // milliseconds since 1970 UTC; math.MinInt64: no record, so older than all
	cameras []string
}

func (p *Plan) keep(s *shelf, l look) (time.Duration, string) {
	if s.camera != "" {
		return p.run.Rules.camera(s.kind, s.camera), s.camera
	}
	return p.run.Rules.shared(s.kind, l.cameras)
}

func staysText(l look, keep time.Duration, because string) string {
	of := ""
	if because != "" {
		of = " for camera " + because
	}
	if keep == Forever {
		return "it is kept forever" + of
	}
	return fmt.Sprintf("its newest record is of %s, and it is kept %s%s", time.UnixMilli(l.newest).UTC().Format(time.RFC3339), ageText(keep), of)
}

// look finds out how old a file's chunk is, and which cameras are in it. Without results
// there is nothing for which states and pictures were kept.
func (p *Plan) look(ctx context.Context, s *shelf, f chunkfolder.Stored) (look, error) {
	if l, ok := p.seen[f.File]; ok {
		return l, nil
	}
	l := look{newest: math.MinInt64}
	var err error
	if s.kind == Archive {
		l, err = p.lookArchive(ctx, f)
	} else {
		part := p.parts[s.Partition]
		file, of := f.File, true
		if s.kind != Results {
			file, of, err = part.lookup.Results(ctx, chunk.Of(f.Start, p.run.Output.N()))
		}
		switch {
		case err == nil && of:
			l, err = p.lookResults(ctx, file)
		case f.Start >= part.results.base:
			l.newest = math.MaxInt64 // its results may be made again
		}
	}
	if errors.Is(err, fs.ErrNotExist) { // another run removes it
		l, err = look{newest: math.MinInt64}, nil
	}
	p.seen[f.File] = l
	return l, err
}

func (p *Plan) lookArchive(ctx context.Context, f chunkfolder.Stored) (look, error) {
	id := chunk.ID{Partition: f.Partition, Index: chunk.Of(f.Start, p.run.Archive.N())}
	l := look{newest: math.MinInt64}
	ms, ok, err := p.run.Archive.Newest(ctx, id)
	if err != nil || !ok {
		return l, err
	}
	l.newest = ms
	if p.run.Rules.byCamera(Archive) {
		l.cameras, err = p.run.Archive.Cameras(ctx, id)
	}
	return l, err
}

func (p *Plan) lookResults(ctx context.Context, file string) (look, error) {
	if l, ok := p.seen[file]; ok {
		return l, nil
	}
	l := look{newest: math.MinInt64}
	cameras, err := p.run.Output.Cameras(ctx, file)
	for camera, ms := range cameras {
		l.newest = max(l.newest, ms)
		l.cameras = append(l.cameras, camera)
	}
	slices.Sort(l.cameras)
	if err == nil {
		p.seen[file] = l
	}
	return l, err
}
