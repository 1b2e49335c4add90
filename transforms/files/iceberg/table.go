package iceberg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/framebeam/framebeam/transforms/files/store"
)

// ErrConflict is returned when another commit was faster.
var ErrConflict = errors.New("another run has changed the table meanwhile")

// Definition is what a table is made of.
type Definition struct {
	// Schema has the columns, each with a field id. There must be an optional text camera
	// and an optional date day. Columns are only ever added, optional ones.
	Schema *parquet.Schema
	// Sorted are the columns by which rows of a file are sorted, ascending.
	Sorted []string
}

// Table is a table in a folder, which need not be there yet.
type Table struct {
	folder     *store.Folder
	location   string
	definition Definition
	shape      shape
}

// Open returns the table in a folder.
func Open(folder *store.Folder, d Definition) (*Table, error) {
	s, err := d.shape()
	if err != nil {
		return nil, fmt.Errorf("open table %s: %w", folder.Root(), err)
	}
	location := folder.Root()
	if strings.HasPrefix(location, "/") {
		location = "file://" + location // or readers on a cluster look for it there
	}
	return &Table{folder, location, d, s}, nil
}

// Folder is where the table lies.
func (t *Table) Folder() *store.Folder { return t.folder }

// Path is the whole path of a file of the table, as its metadata have it.
func (t *Table) Path(file string) string { return t.location + "/" + file }

// Version is the table as it was at one moment.
type Version struct {
	Number int // from 1; 0: there is no table yet
	meta   *metadata
}

const (
	metadataDir = "metadata/"
	dataDir     = "data/"
	hintFile    = metadataDir + "version-hint.text"
)

var versionPattern = regexp.MustCompile(`^v([1-9][0-9]{0,8})\.metadata\.json$`)

func versionFile(number int) string { return fmt.Sprintf("%sv%d.metadata.json", metadataDir, number) }

// versions lists the numbers of the versions that are there, ascending.
func (t *Table) versions(ctx context.Context) (numbers []int, err error) {
	files, err := t.folder.List(ctx, metadataDir+"v*.metadata.json")
	for _, f := range files {
		if m := versionPattern.FindStringSubmatch(strings.TrimPrefix(f, metadataDir)); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return nil, err
			}
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, err
}

// loadAttempts bounds how often a version that others have just removed is looked for.
const loadAttempts = 10

// Load reads the newest version.
func (t *Table) Load(ctx context.Context) (*Version, error) {
	for try := 1; ; try++ {
		numbers, err := t.versions(ctx)
		if err != nil {
			return nil, fmt.Errorf("open table: %w", err)
		}
		if len(numbers) == 0 {
			return &Version{}, nil
		}
		v, err := t.load(ctx, numbers[len(numbers)-1])
		if errors.Is(err, fs.ErrNotExist) && try < loadAttempts {
			continue
		}
		return v, err
	}
}

func (t *Table) load(ctx context.Context, number int) (*Version, error) {
	b, err := t.folder.Read(ctx, versionFile(number))
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	v := &Version{number, &metadata{}}
	d := json.NewDecoder(bytes.NewReader(b))
	if err = d.Decode(v.meta); err == nil {
		err = v.meta.check(t.location, t.shape)
	}
	if err != nil {
		return nil, fmt.Errorf("open table: read %s: %w", t.folder.Path(versionFile(number)), err)
	}
	return v, nil
}

// Summary is what the current snapshot's commit said; nil if there is none.
func (v *Version) Summary() map[string]string {
	if v.Empty() {
		return nil
	}
	return v.meta.current().Summary
}

// Ancestor is the summary of the newest snapshot, from the current one back, that has a key;
// nil if there is none any more. Programs that maintain Iceberg's tables commit too.
func (v *Version) Ancestor(key string) map[string]string {
	if v.meta == nil {
		return nil
	}
	s := v.meta.current()
	for range v.meta.Snapshots { // damaged ones may be their own ancestors
		if s == nil {
			return nil
		}
		if _, ok := s.Summary[key]; ok {
			return s.Summary
		}
		if s.Parent == nil {
			return nil
		}
		s = v.meta.snapshot(*s.Parent)
	}
	return nil
}

// Empty reports whether there is no snapshot.
func (v *Version) Empty() bool { return v.meta == nil || v.meta.current() == nil }

// Expires reports whether there are snapshots that were no longer the current one at a time.
func (v *Version) Expires(before time.Time) bool {
	if v.meta == nil {
		return false
	}
	keep := v.meta.kept(before)
	return slices.ContainsFunc(v.meta.Snapshots, func(s snapshot) bool { return !keep[s.ID] })
}

// Files calls fn for every data file of a version, by manifest.
func (t *Table) Files(ctx context.Context, v *Version, fn func(File) error) error {
	if v.Empty() {
		return nil
	}
	manifests, err := t.manifests(ctx, v.meta.current())
	if err != nil {
		return err
	}
	for i := range manifests {
		if err := t.live(ctx, &manifests[i], fn); err != nil {
			return err
		}
	}
	return nil
}

// live calls fn for every file that a manifest has in the table.
func (t *Table) live(ctx context.Context, m *manifestRecord, fn func(File) error) error {
	if m.live() == 0 {
		return nil
	}
	return t.entries(ctx, m, func(e entry) error {
		if e.status == deleted {
			return nil
		}
		return fn(e.File)
	})
}

func (t *Table) manifests(ctx context.Context, s *snapshot) ([]manifestRecord, error) {
	name, err := t.name(s.List)
	if err != nil {
		return nil, err
	}
	return t.readList(ctx, name)
}
