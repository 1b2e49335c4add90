package iceberg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strconv"
	"time"

	"github.com/framebeam/framebeam/transforms/files/crashpoint"
)

// Manifests with fewer files than this are made one when there are this many of them, so
// that a table that grows by small commits has few.
const (
	smallManifest  = 4096
	smallManifests = 16
)

// Commit is a change of a table that is being made.
type Commit struct {
	t    *Table
	base *Version
	name string
	n    int // data files named so far
}

// Begin begins a commit on a version. of says what the commit is made of: commits on the
// same version for which it is the same write the same bytes into the same files.
func (t *Table) Begin(base *Version, of ...string) *Commit {
	h := sha256.New()
	for _, p := range of {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return &Commit{t: t, base: base, name: fmt.Sprintf("%010d-%s", base.Number+1, hex.EncodeToString(h.Sum(nil)[:6]))}
}

// NextFile names the next data file to be written.
func (c *Commit) NextFile() string {
	c.n++
	return fmt.Sprintf("%s%s/%06d.parquet", dataDir, c.name, c.n)
}

// Change is what a commit does.
type Change struct {
	Added   []File
	Removed []File // by their paths
	// Summary is kept with the snapshot.
	Summary map[string]string
	// Expire drops what was no longer the newest at that time, see [Table.Collect]; zero: nothing.
	Expire time.Time
}

// Publish makes the change the table's next version. The error is [ErrConflict] if another
// commit was faster; then nothing was changed. now must not be before the last commit's: it
// is taken for that then.
func (c *Commit) Publish(ctx context.Context, change Change, now time.Time) (*Version, error) {
	v, err := c.publish(ctx, change, now)
	if err != nil {
		return nil, fmt.Errorf("commit version %d of table %s: %w", c.base.Number+1, c.t.folder.Root(), err)
	}
	return v, nil
}

func (c *Commit) publish(ctx context.Context, change Change, now time.Time) (*Version, error) {
	t := c.t
	next := newMetadata(t.location, t.shape, now)
	if c.base.meta != nil {
		next = c.base.meta.clone()
		next.replaces(t.Path(versionFile(c.base.Number)), now)
	}
	if err := next.columns(t.shape); err != nil {
		return nil, err
	}
	if err := c.snapshot(ctx, next, change); err != nil {
		return nil, err
	}
	if !change.Expire.IsZero() {
		next.expire(change.Expire)
	}
	b, err := json.MarshalIndent(next, "", " ")
	if err != nil {
		return nil, err
	}
	number := c.base.Number + 1
	crashpoint.At("table-before-commit")
	if err := t.folder.CreateExclusive(ctx, versionFile(number), append(b, '\n')); errors.Is(err, fs.ErrExist) {
		return nil, ErrConflict
	} else if err != nil {
		return nil, err
	}
	crashpoint.At("table-committed")
	// Was the number only free because its version had been removed?
	numbers, err := t.versions(ctx)
	if err != nil {
		return nil, err
	}
	newest := numbers[len(numbers)-1]
	if newest > number && !follows(numbers, number) {
		return nil, errors.Join(ErrConflict, t.folder.Remove(ctx, versionFile(number)))
	}
	if err := errors.Join(t.hint(ctx, newest), c.sweep(ctx)); err != nil {
		return nil, err
	}
	return &Version{number, next}, nil
}

// hint tells readers of a version. Who is slow must not leave a lower one than there was.
func (t *Table) hint(ctx context.Context, newest int) error {
	for {
		if err := t.folder.WriteAtomic(ctx, hintFile, []byte(strconv.Itoa(newest))); err != nil {
			return err
		}
		numbers, err := t.versions(ctx)
		if err != nil || numbers[len(numbers)-1] == newest {
			return err
		}
		newest = numbers[len(numbers)-1]
	}
}

// sweep removes what a run that died has left in the folder of a commit that was made again.
func (c *Commit) sweep(ctx context.Context) error {
	if c.n == 0 {
		return nil
	}
	return c.t.removeTemporary(ctx, dataDir+c.name+"/")
}

// follows reports whether all versions from a number on are there: those after it were made
// from it.
func follows(numbers []int, number int) bool {
	for i, n := range numbers {
		if n == number {
			return numbers[len(numbers)-1]-number == len(numbers)-1-i
		}
	}
	return false
}

// snapshot writes the manifests of the change and adds its snapshot.
func (c *Commit) snapshot(ctx context.Context, next *metadata, change Change) error {
	if len(change.Added)+len(change.Removed)+len(change.Summary) == 0 {
		return nil
	}
	t, current := c.t, next.current()
	id, sequence := snapshotID(next.UUID, c.name), next.LastSequence+1
	var had []manifestRecord
	var err error
	if current != nil {
		if had, err = t.manifests(ctx, current); err != nil {
			return err
		}
	}
	manifests, entries, err := t.rewrite(ctx, had, change.Removed)
	if err != nil {
		return err
	}
	var fresh []entry
	for _, f := range change.Added {
		fresh = append(fresh, entry{added, f})
	}
	entries = append(fresh, entries...)
	if len(entries) > 0 {
		m, err := t.writeManifest(ctx, metadataDir+c.name+manifestExt, next.CurrentSchema, id, sequence, entries)
		if err != nil {
			return err
		}
		manifests = append(manifests, m)
	}
	crashpoint.At("table-manifest")
	list := metadataDir + c.name + snapshotExt
	var parent *int64
	if current != nil {
		parent = new(current.ID)
	}
	if err := t.writeList(ctx, list, id, parent, sequence, manifests); err != nil {
		return err
	}
	next.add(snapshot{
		Sequence: sequence, ID: id, Parent: parent, Time: next.LastUpdated, Summary: summarize(change, manifests),
		List: t.Path(list), Schema: new(next.CurrentSchema),
	})
	return nil
}

const (
	manifestExt = ".manifest.avro"
	snapshotExt = ".snapshot.avro"
)

// rewrite returns the manifests that stay as they are, and the entries of the others: of those
// that have files that are removed, and of small ones if there are many.
func (t *Table) rewrite(ctx context.Context, had []manifestRecord, removed []File) (stay []manifestRecord, entries []entry, err error) {
	gone := map[string]bool{}
	for _, f := range removed {
		gone[f.Path] = true
	}
	small := 0
	for i := range had {
		if had[i].live() < smallManifest {
			small++
		}
	}
	found := 0
	for i := range had {
		m := &had[i]
		if m.live() == 0 {
			continue
		}
		rewritten := small >= smallManifests && m.live() < smallManifest
		var of []entry
		if rewritten || len(gone) > 0 {
			err := t.live(ctx, m, func(f File) error {
				e := entry{existing, f}
				if gone[f.Path] {
					e.status, rewritten, found = deleted, true, found+1
				}
				of = append(of, e)
				return nil
			})
			if err != nil {
				return nil, nil, err
			}
		}
		if rewritten {
			entries = append(entries, of...)
		} else {
			stay = append(stay, *m)
		}
	}
	if found != len(gone) {
		return nil, nil, fmt.Errorf("of %d files to remove %d are in the table", len(gone), found)
	}
	return stay, entries, nil
}

// summarize is what readers show of a snapshot, and what the caller keeps with it.
func summarize(change Change, manifests []manifestRecord) map[string]string {
	s := maps.Clone(change.Summary)
	if s == nil {
		s = map[string]string{}
	}
	rows := func(files []File) (n int64) {
		for i := range files {
			n += files[i].Rows
		}
		return n
	}
	added, removed := rows(change.Added), rows(change.Removed)
	switch {
	case len(change.Removed) == 0:
		s["operation"] = "append"
	case added == removed:
		s["operation"] = "replace"
	case len(change.Added) == 0:
		s["operation"] = "delete"
	default:
		s["operation"] = "overwrite"
	}
	var files, total int64
	for i := range manifests {
		files += int64(manifests[i].live())
		total += manifests[i].AddedRows + manifests[i].ExistingRows
	}
	for key, n := range map[string]int64{
		"added-data-files": int64(len(change.Added)), "deleted-data-files": int64(len(change.Removed)),
		"added-records": added, "deleted-records": removed, "total-data-files": files, "total-records": total,
		"total-delete-files": 0, "total-position-deletes": 0, "total-equality-deletes": 0,
	} {
		s[key] = strconv.FormatInt(n, 10)
	}
	return s
}
