package iceberg

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Whatever lies in the place of a table's metadata: it is read, or refused with an error.
func FuzzLoad(f *testing.F) {
	seed := f.TempDir()
	table := testTable(f, seed)
	v, err := table.Load(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	c := table.Begin(v)
	v, err = c.Publish(f.Context(), Change{Added: []File{{Path: c.NextFile(), Partition: Partition{"gate", 1}, Rows: 1, Bytes: 4}}}, testTime)
	if err != nil {
		f.Fatal(err)
	}
	var good [3][]byte
	for i, pattern := range []string{"v1.metadata.json", "*" + snapshotExt, "*" + manifestExt} {
		names, err := filepath.Glob(seed + "/metadata/" + pattern)
		if err != nil || len(names) != 1 {
			f.Fatal(names, err)
		}
		if good[i], err = os.ReadFile(names[0]); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(uint8(0), good[0])
	f.Add(uint8(1), good[1])
	f.Add(uint8(2), good[2])
	f.Add(uint8(0), []byte(`{"format-version":2}`))
	own := bytes.Replace(good[0], []byte(`"manifest-list"`), fmt.Appendf(nil, `"parent-snapshot-id": %d, "manifest-list"`, v.meta.CurrentSnapshot), 1)
	f.Add(uint8(0), own) // a snapshot that is its own parent
	f.Fuzz(func(t *testing.T, which uint8, content []byte) {
		names := [3]string{"metadata/v1.metadata.json", metadataDir + c.name + snapshotExt, metadataDir + c.name + manifestExt}
		if err := os.WriteFile(seed+"/"+names[which%3], content, 0o644); err != nil {
			t.Fatal(err)
		}
		defer os.WriteFile(seed+"/"+names[which%3], good[which%3], 0o644)
		v, err := table.Load(t.Context())
		if err != nil {
			return
		}
		_ = table.Files(t.Context(), v, func(f File) error { return nil })
		_ = v.Ancestor("key")
		if !v.Empty() {
			v.meta.clone().add(snapshot{})
			_ = v.meta.clone().columns(table.shape)
			v.meta.clone().expire(testTime)
		}
	})
}
