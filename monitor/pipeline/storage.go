package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// storage is what room there is, and what takes it.
type storage struct {
	Disks   []disk  `json:"disks"`
	Results results `json:"results"`
}

// disk is a filesystem on which something of ours lies.
type disk struct {
	For   []string `json:"for"` // what lies on it
	Where string   `json:"where"`
	Size  int64    `json:"size"`
	Free  int64    `json:"free"` // for who is not root
	// Files that can still be made; -1: not counted there.
	Files int64 `json:"files"`
}

// results are those of the output.
type results struct {
	Files int64      `json:"files"`
	Bytes int64      `json:"bytes"`
	Rows  int64      `json:"rows"`
	First *time.Time `json:"first"` // when the first of the rows was captured
	Last  *time.Time `json:"last"`
}

func (v *view) lookStorage(ctx context.Context) (*storage, error) {
	s := &storage{Disks: []disk{}}
	type folder struct{ what, path string }
	folders := []folder{{"output", v.Inputs.Output}, {"archive", v.Inputs.Archive}, {"temporary files", os.TempDir()}}
	known := map[string]int{}
	var errs []error
	for _, f := range folders {
		if f.path == "" {
			continue
		}
		d, id, err := look(ctx, f.path)
		if errors.Is(err, store.ErrSpaceUnknown) {
			continue
		}
		if err != nil {
			errs = append(errs, named("room for "+f.what, err))
			continue
		}
		if i, ok := known[id]; ok {
			s.Disks[i].For = append(s.Disks[i].For, f.what)
			continue
		}
		d.For = []string{f.what}
		known[id] = len(s.Disks)
		s.Disks = append(s.Disks, d)
	}
	err := v.Inputs.Scan(ctx, func(from *scan.Scan) error {
		r := &s.Results
		for e, err := range from.Files(ctx, scan.Query{}) {
			if err != nil {
				return err
			}
			r.Files++
			r.Bytes += e.Size
			r.Rows += e.Statistics.Rows
			first, last := time.UnixMicro(e.Statistics.First), time.UnixMicro(e.Statistics.Last)
			if r.First == nil || first.Before(*r.First) {
				r.First = &first
			}
			if r.Last == nil || last.After(*r.Last) {
				r.Last = &last
			}
		}
		return nil
	})
	return s, errors.Join(append(errs, err)...)
}

// look says what room there is on the filesystem of a folder, of which there is one with that id.
func look(ctx context.Context, path string) (d disk, id string, err error) {
	scheme, rest, remote := strings.Cut(path, "://")
	if !remote {
		return lookLocal(path)
	}
	folder, err := store.Open(ctx, path)
	if err != nil {
		return d, "", err
	}
	free, all, err := folder.Space(ctx)
	if err != nil {
		return d, "", err
	}
	host, _, _ := strings.Cut(rest, "/")
	id = scheme + "://" + host
	return disk{Where: id, Size: int64(min(all, math.MaxInt64)), Free: int64(min(free, math.MaxInt64)), Files: -1}, id, nil
}

// lookLocal says it of a folder of this machine, or of the next above it that exists.
func lookLocal(path string) (d disk, id string, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return d, id, err
	}
	var s unix.Statfs_t
	for {
		if err = unix.Statfs(path, &s); !errors.Is(err, unix.ENOENT) || path == filepath.Dir(path) {
			break
		}
		path = filepath.Dir(path)
	}
	if err != nil {
		return d, id, err
	}
	d = disk{Where: path, Size: int64(s.Blocks) * s.Bsize, Free: int64(s.Bavail) * s.Bsize, Files: int64(s.Ffree)}
	if s.Files == 0 {
		d.Files = -1
	}
	return d, fmt.Sprint(s.Fsid), nil
}
