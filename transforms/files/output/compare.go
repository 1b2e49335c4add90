package output

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// Report is how one output differs from another that should be equal: in its
// results, states and images. Journals and partial files are not compared.
type Report struct {
	Missing []string // files that are only in the wanted output
	Extra   []string // files that are only in the other
	Flipped []string // files that are in both with different bytes
	// Partitions tells differing frames, by topic+partition.
	Partitions map[string]*Frames
}

// Frames are the differing frames of a partition, as offsets.
type Frames struct {
	Lost    chunk.Offsets // only in the wanted output
	Extra   chunk.Offsets // only in the other
	Doubled chunk.Offsets // more than once in the other
	Changed chunk.Offsets // with other content
}

// Equal reports whether nothing differs.
func (r *Report) Equal() bool {
	return len(r.Missing)+len(r.Extra)+len(r.Flipped)+len(r.Partitions) == 0
}

func (r *Report) String() string {
	if r.Equal() {
		return "equal"
	}
	var b strings.Builder
	for _, f := range []struct {
		what  string
		files []string
	}{{"missing", r.Missing}, {"extra", r.Extra}, {"flipped", r.Flipped}} {
		for _, file := range f.files {
			fmt.Fprintf(&b, "%s file %s\n", f.what, file)
		}
	}
	keys := make([]string, 0, len(r.Partitions))
	for key := range r.Partitions {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		p := r.Partitions[key]
		for _, f := range []struct {
			what    string
			offsets chunk.Offsets
		}{{"lost", p.Lost}, {"extra", p.Extra}, {"doubled", p.Doubled}, {"changed", p.Changed}} {
			if n := f.offsets.Len(); n > 0 {
				fmt.Fprintf(&b, "%s: %d frames %s: offsets %v\n", key, n, f.what, f.offsets)
			}
		}
	}
	return b.String()
}

// Compare reports how got differs from want. It looks at the files as they lie
// there, whether they count or not: equal work leaves equal folders.
func Compare(ctx context.Context, want, got *store.Folder) (*Report, error) {
	r := &Report{Partitions: map[string]*Frames{}}
	for _, kind := range []struct{ dir, ext string }{{resultsDir, resultsExt}, {statesDir, statesExt}, {imagesDir, imagesExt}} {
		if err := r.compareFiles(ctx, want, got, kind.dir, kind.ext); err != nil {
			return nil, err
		}
	}
	if err := r.compareFrames(ctx, want, got); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Report) compareFiles(ctx context.Context, want, got *store.Folder, dir, ext string) error {
	wantFiles, err := listBelow(ctx, want, dir, ext)
	if err != nil {
		return err
	}
	gotFiles, err := listBelow(ctx, got, dir, ext)
	if err != nil {
		return err
	}
	for _, file := range gotFiles {
		if _, ok := slices.BinarySearch(wantFiles, file); !ok {
			r.Extra = append(r.Extra, file)
		}
	}
	for _, file := range wantFiles {
		if _, ok := slices.BinarySearch(gotFiles, file); !ok {
			r.Missing = append(r.Missing, file)
			continue
		}
		a, err := want.Read(ctx, file)
		if err != nil {
			return err
		}
		b, err := got.Read(ctx, file)
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) && !sameButForVersion(ext, a, b) {
			r.Flipped = append(r.Flipped, file)
		}
	}
	return nil
}

// sameButForVersion reports whether two files are the same but for the version of
// their format, or that one was made before results named their states.
func sameButForVersion(ext string, a, b []byte) bool {
	switch ext {
	case resultsExt:
		return sameResults(a, b)
	case statesExt:
		same, err := sameStates(a, b)
		return err == nil && same && (!bytes.Contains(a, []byte(digestKey)) || !bytes.Contains(b, []byte(digestKey)))
	}
	return false
}

func sameResults(a, b []byte) bool {
	meta := func(file []byte) map[string]string {
		m, err := result.ReadParquetMeta(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return nil
		}
		return m
	}
	was, is := meta(a), meta(b)
	if (was[ofStatesKey] == "") != (is[ofStatesKey] == "") {
		had, _, err := result.ReadParquet(bytes.NewReader(a), int64(len(a)))
		if err != nil {
			return false
		}
		has, _, err := result.ReadParquet(bytes.NewReader(b), int64(len(b)))
		return err == nil && was[lineageKey] == is[lineageKey] && sameRows(had, has)
	}
	a, err := result.CurrentParquet(a)
	if err != nil {
		return false
	}
	b, err = result.CurrentParquet(b)
	return err == nil && bytes.Equal(a, b)
}

// listBelow lists the files with an extension in dir and all folders below it,
// sorted, but for temporary files and the packs of single cameras, which are
// made at any time, in images/camera=….
func listBelow(ctx context.Context, f *store.Folder, dir, ext string) ([]string, error) {
	files, err := f.List(ctx, dir+"*"+ext)
	if err != nil {
		return nil, err
	}
	folders, err := f.Folders(ctx, dir)
	if err != nil {
		return nil, err
	}
	for _, name := range folders {
		if name == store.TempDir || strings.Contains(name, "=") {
			continue
		}
		below, err := listBelow(ctx, f, dir+name+"/", ext)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	slices.Sort(files)
	return files, nil
}

// compareFrames looks into results files that are not equal. A file that cannot
// be read holds no frames.
func (r *Report) compareFrames(ctx context.Context, want, got *store.Folder) error {
	// Frames of files that are equal may still be doubled by an extra file, so
	// everything of a partition that differs is read.
	differs := map[string]bool{}
	for _, file := range slices.Concat(r.Missing, r.Extra, r.Flipped) {
		dir, base := path.Split(file)
		if n, ok := chunkfolder.ParseFile(base, "", resultsExt); ok && strings.HasPrefix(dir, resultsDir) {
			differs[n.Partition.Key()] = true
		}
	}
	for key := range differs {
		a, _, err := partitionRows(ctx, want, key)
		if err != nil {
			return err
		}
		b, doubled, err := partitionRows(ctx, got, key)
		if err != nil {
			return err
		}
		f := &Frames{Doubled: doubled}
		for o, row := range a {
			other, ok := b[o]
			switch {
			case !ok:
				f.Lost.Add(o)
			case !bytes.Equal(row, other):
				f.Changed.Add(o)
			}
		}
		for o := range b {
			if _, ok := a[o]; !ok {
				f.Extra.Add(o)
			}
		}
		if f.Lost.Len()+f.Extra.Len()+f.Doubled.Len()+f.Changed.Len() > 0 {
			r.Partitions[key] = f
		}
	}
	return nil
}

// partitionRows returns the encoded frames of a partition by offset, and the
// offsets that are there more than once.
func partitionRows(ctx context.Context, f *store.Folder, key string) (rows map[int64][]byte, doubled chunk.Offsets, err error) {
	files, err := listBelow(ctx, f, resultsDir+key+"/", resultsExt)
	if err != nil {
		return nil, nil, err
	}
	more, err := listBelow(ctx, f, resultsDir+"+"+key+"/", resultsExt) // see Layout.Plain
	if err != nil {
		return nil, nil, err
	}
	files = append(files, more...)
	rows = map[int64][]byte{}
	for _, file := range files {
		var frames []result.Frame
		if frames, _, err = readResults(ctx, f, file); err != nil {
			continue
		}
		for i := range frames {
			o := frames[i].Offset
			if _, ok := rows[o]; ok {
				doubled.Add(o)
				continue
			}
			rows[o] = frames[i].Marshal()
		}
	}
	return rows, doubled, nil
}
