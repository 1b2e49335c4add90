package chunksink

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/files/output"
)

// PicturesSpec says how a worker makes a chunk's pictures. Its zero value makes
// none. It travels to the workers, so it holds no secrets.
type PicturesSpec struct {
	Kind   string // as given to RegisterPictures
	Config []byte
}

var pictures = map[string]func(context.Context, []byte) (output.Pictures, error){}

// RegisterPictures makes a way to make pictures known; call it in init. If what
// open returns is an io.Closer, it is closed with the worker's stage.
func RegisterPictures(kind string, open func(ctx context.Context, config []byte) (output.Pictures, error)) {
	pictures[kind] = open
}

func (s PicturesSpec) check() error {
	if s.Kind == "" {
		return nil
	}
	if _, ok := pictures[s.Kind]; !ok {
		known := make([]string, 0, len(pictures))
		for k := range pictures {
			known = append(known, k)
		}
		slices.Sort(known)
		return fmt.Errorf("pictures of unknown kind %q (known: %s)", s.Kind, strings.Join(known, ", "))
	}
	return nil
}

// open returns nil if no pictures are asked for.
func (s PicturesSpec) open(ctx context.Context) (output.Pictures, error) {
	if err := s.check(); err != nil || s.Kind == "" {
		return nil, err
	}
	p, err := pictures[s.Kind](ctx, s.Config)
	if err != nil {
		return nil, fmt.Errorf("open pictures %s: %w", s.Kind, err)
	}
	return p, nil
}
