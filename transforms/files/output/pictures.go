package output

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/result"
)

// Pictures makes the file of a chunk's pictures. Equal arguments must give
// equal bytes. It may be called again for the same chunk.
type Pictures interface {
	// Pack writes the pictures of the chunk to w as one zip file and returns
	// how many there are. If there are none, no file is kept.
	Pack(ctx context.Context, w io.Writer, end chunk.End, rows []result.Frame) (n int, err error)
}

// PicturesSpec says how a worker makes a chunk's pictures. Its zero value makes
// none. It travels to the workers, so it holds no secrets.
type PicturesSpec struct {
	Kind   string // as given to RegisterPictures
	Config []byte
}

var pictureKinds = map[string]func(context.Context, []byte) (Pictures, error){}

// RegisterPictures makes a way to make pictures known; call it in init. If what
// open returns is an io.Closer, it is closed with the worker's stage.
func RegisterPictures(kind string, open func(ctx context.Context, config []byte) (Pictures, error)) {
	pictureKinds[kind] = open
}

// Check refuses a kind that is not known.
func (s PicturesSpec) Check() error {
	if s.Kind == "" {
		return nil
	}
	if _, ok := pictureKinds[s.Kind]; !ok {
		known := make([]string, 0, len(pictureKinds))
		for k := range pictureKinds {
			known = append(known, k)
		}
		slices.Sort(known)
		return fmt.Errorf("pictures of unknown kind %q (known: %s)", s.Kind, strings.Join(known, ", "))
	}
	return nil
}

// Open returns nil if no pictures are asked for.
func (s PicturesSpec) Open(ctx context.Context) (Pictures, error) {
	if err := s.Check(); err != nil || s.Kind == "" {
		return nil, err
	}
	p, err := pictureKinds[s.Kind](ctx, s.Config)
	if err != nil {
		return nil, fmt.Errorf("open pictures %s: %w", s.Kind, err)
	}
	return p, nil
}
