package picture

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/frame"
)

// kind is the name by which the sink knows packs of annotated pictures.
const kind = "annotated"

type config struct {
	Pack  PackSpec
	Parse frame.ParseOptions
}

func init() {
	output.RegisterPictures(kind, func(ctx context.Context, b []byte) (output.Pictures, error) {
		var c config
		if err := json.Unmarshal(b, &c); err != nil {
			return nil, fmt.Errorf("configuration of pictures: %w", err)
		}
		return OpenPacker(ctx, c.Pack, c.Parse)
	})
}

// Spec makes the sink pack pictures of every chunk that it writes.
func Spec(spec PackSpec, parse frame.ParseOptions) (output.PicturesSpec, error) {
	if err := spec.Validate(); err != nil {
		return output.PicturesSpec{}, err
	}
	b, err := json.Marshal(config{spec, parse})
	if err != nil {
		return output.PicturesSpec{}, fmt.Errorf("configuration of pictures: %w", err)
	}
	return output.PicturesSpec{Kind: kind, Config: b}, nil
}
