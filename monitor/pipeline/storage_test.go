package pipeline

import (
	"errors"
	"path/filepath"
	"testing"

	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"

	"github.com/framebeam/framebeam/transforms/files/store"
)

func TestRoomIsThatOfTheFilesystemOfAFolder(t *testing.T) {
	dir := t.TempDir()
	there, id, err := look(t.Context(), dir)
	if err != nil || there.Size <= 0 || there.Free < 0 || there.Free > there.Size {
		t.Errorf("%+v, %v", there, err)
	}
	if _, missing, err := look(t.Context(), filepath.Join(dir, "not", "yet")); err != nil || missing != id {
		t.Errorf("of a folder that is not there yet: %q, not %q; %v", missing, id, err)
	}
	if _, _, err := look(t.Context(), "memfs://x/y"); !errors.Is(err, store.ErrSpaceUnknown) {
		t.Errorf("of one that does not say: %v", err)
	}
}
