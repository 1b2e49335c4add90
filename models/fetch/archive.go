package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Bounds of what is unpacked, into memory.
const (
	mostFile    = 64 << 20
	mostTarball = 256 << 20
	mostEntries = 10_000
)

// tarball is what these files of a compressed tar archive have, by their names. Another name, and
// what is no plain file, is passed over; one of these that is missing or there twice is an error.
func tarball(archive []byte, names ...string) (map[string][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("tar archive: %w", err)
	}
	found := map[string][]byte{}
	entries := tar.NewReader(io.LimitReader(z, mostTarball))
	for range mostEntries {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return found, all(found, names)
		}
		if err != nil {
			return nil, fmt.Errorf("tar archive: %w", err)
		}
		if h.Typeflag != tar.TypeReg || !slices.Contains(names, h.Name) {
			continue
		}
		if err := keep(found, h.Name, entries); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("tar archive: more than %d entries", mostEntries)
}

// zipped is the same of a zip archive.
func zipped(archive []byte, names ...string) (map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("zip archive: %w", err)
	}
	found := map[string][]byte{}
	for _, f := range z.File {
		if !f.Mode().IsRegular() || !slices.Contains(names, f.Name) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("zip archive: %s: %w", f.Name, err)
		}
		if err := errors.Join(keep(found, f.Name, r), r.Close()); err != nil {
			return nil, err
		}
	}
	return found, all(found, names)
}

func keep(found map[string][]byte, name string, r io.Reader) error {
	if _, twice := found[name]; twice {
		return fmt.Errorf("the archive has %s twice", name)
	}
	b, err := io.ReadAll(io.LimitReader(r, mostFile+1))
	if err != nil {
		return fmt.Errorf("archive: %s: %w", name, err)
	}
	if len(b) > mostFile {
		return fmt.Errorf("archive: %s has more than %d bytes", name, mostFile)
	}
	found[name] = b
	return nil
}

func all(found map[string][]byte, names []string) error {
	for _, n := range names {
		if _, ok := found[n]; !ok {
			return fmt.Errorf("the archive has no %s", n)
		}
	}
	return nil
}
