package store

import (
	"context"
	"encoding/json"
	"fmt"
)

// ReadJSON decodes the JSON object in a file, whose field "format" must be the
// version that the caller knows. The error is fs.ErrNotExist if there is none.
func (f *Folder) ReadJSON(ctx context.Context, name string, format int, v any) error {
	b, err := f.Read(ctx, name)
	if err != nil {
		return err
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return fmt.Errorf("read %s: %w", f.Path(name), err)
	}
	if head.Format != format {
		return fmt.Errorf("read %s: format %d is not known here (only %d)", f.Path(name), head.Format, format)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read %s: %w", f.Path(name), err)
	}
	return nil
}
