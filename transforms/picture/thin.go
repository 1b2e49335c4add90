package picture

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Cameras are the cameras of which a pack has pictures, by the names of their folders
// (see [CameraFolder]), in the order of the pack. Only its list of entries is read.
func Cameras(r io.ReaderAt, size int64) (folders []string, err error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("read pictures: %w", err)
	}
	met := map[string]bool{}
	for _, f := range z.File {
		folder, _, ok := strings.Cut(f.Name, "/")
		if ok && !met[folder] {
			met[folder] = true
			folders = append(folders, folder)
		}
	}
	return folders, nil
}

// Of is the picture of an offset in a pack. The error is fs.ErrNotExist if it has none. Of a
// picture no more is read than most bytes.
func Of(r io.ReaderAt, size int64, offset, most int64) ([]byte, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("read pictures: %w", err)
	}
	for _, f := range z.File {
		if of, ok := offsetOf(f.Name); !ok || of != offset {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("read picture %s: %w", f.Name, err)
		}
		data, err := io.ReadAll(io.LimitReader(rc, most))
		return data, errors.Join(err, rc.Close())
	}
	return nil, fs.ErrNotExist
}

// CameraFolder is the name of the folder of a camera's pictures in a pack.
func CameraFolder(camera string) string { return folder(camera) }

// Without writes to w the pack without the pictures of the cameras whose folders drop says,
// and returns how many entries it has: the same bytes as a pack that never had them. Which
// frames could not be had stays.
func Without(w io.Writer, r io.ReaderAt, size int64, drop func(folder string) bool) (n int, err error) {
	in, err := zip.NewReader(r, size)
	if err != nil {
		return 0, fmt.Errorf("read pictures: %w", err)
	}
	z := zip.NewWriter(w)
	for _, f := range in.File {
		if folder, _, ok := strings.Cut(f.Name, "/"); ok && drop(folder) {
			continue
		}
		if err := z.Copy(f); err != nil {
			return 0, fmt.Errorf("copy pictures: entry %s: %w", f.Name, err)
		}
		n++
	}
	if err := z.Close(); err != nil {
		return 0, fmt.Errorf("write zip: %w", err)
	}
	return n, nil
}
