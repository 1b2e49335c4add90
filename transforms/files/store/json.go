package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// ReadJSON decodes the JSON object in a file, whose field "format" must be the
// version that the caller knows. The error is fs.ErrNotExist if there is none.
func (f *Folder) ReadJSON(ctx context.Context, name string, format int, v any) error {
	return f.ReadJSONOf(ctx, name, []int{format}, v)
}

// ReadJSONOf is ReadJSON where several versions are known.
func (f *Folder) ReadJSONOf(ctx context.Context, name string, formats []int, v any) error {
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
	if !slices.Contains(formats, head.Format) {
		only := strings.Trim(fmt.Sprint(formats), "[]")
		return fmt.Errorf("read %s: format %d is not known here (only %s)", f.Path(name), head.Format, only)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read %s: %w", f.Path(name), err)
	}
	return nil
}
