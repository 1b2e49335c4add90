package picture

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"testing"
)

func TestAPackWithoutACameraIsAsIfItHadNeverBeenThere(t *testing.T) {
	pack := func(names ...string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, n := range names {
			if err := addStored(z, n, []byte("picture of "+n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	all := pack("a/e/0000000001-0000000000000000001.jpg", "b%20c/0000000000000000002.jpg", "a/0000000000000000003.jpg", missingEntry)
	folders, err := Cameras(bytes.NewReader(all), int64(len(all)))
	if err != nil || !slices.Equal(folders, []string{"a", CameraFolder("b c")}) {
		t.Errorf("the cameras are %q, %v", folders, err)
	}
	for drop, want := range map[string][]byte{
		"":    all,
		"a":   pack("b%20c/0000000000000000002.jpg", missingEntry),
		"b c": pack("a/e/0000000001-0000000000000000001.jpg", "a/0000000000000000003.jpg", missingEntry),
	} {
		var b bytes.Buffer
		_, err := Without(&b, bytes.NewReader(all), int64(len(all)), func(folder string) bool { return drop != "" && folder == CameraFolder(drop) })
		if err != nil || !bytes.Equal(b.Bytes(), want) {
			t.Errorf("without %q: %d bytes, not %d, %v", drop, b.Len(), len(want), err)
		}
	}
	for offset, want := range map[int64]string{1: "picture of a/e/0000000001-0000000000000000001.jpg", 2: "picture of b%20c/0000000000000000002.jpg"} {
		if got, err := Of(bytes.NewReader(all), int64(len(all)), offset, 1<<20); string(got) != want || err != nil {
			t.Errorf("of offset %d: %q, %v", offset, got, err)
		}
	}
	if _, err := Of(bytes.NewReader(all), int64(len(all)), 4, 1<<20); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of an offset that it does not have: %v", err)
	}
	if _, err := Without(&bytes.Buffer{}, bytes.NewReader(all[:20]), 20, func(string) bool { return true }); err == nil {
		t.Error("a damaged pack was read")
	}
}
