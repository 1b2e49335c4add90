package iceberg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// Collect removes the files that no snapshot of a version has, and that no commit can bring
// into the table any more: of snapshots that expired, and of commits that failed or died.
//
// Files of a commit that has not been published are told by the version they are for: if
// that is there already, the commit has lost. Those of a list of manifests that is in no
// version are removed before the list is, so that what is left by a process that died is
// found again. Readers of a snapshot that has expired fail, and nobody else.
func (t *Table) Collect(ctx context.Context, v *Version) error {
	if v.meta == nil {
		return nil
	}
	if err := t.collect(ctx, v); err != nil && !errors.Is(err, fs.ErrNotExist) { // else another run does the same
		return fmt.Errorf("remove what is left over in table %s: %w", t.folder.Root(), err)
	}
	return nil
}

func (t *Table) collect(ctx context.Context, v *Version) error {
	lost := func(name string) bool { // name begins with a commit's
		number, _, ok := strings.Cut(name, "-")
		n, err := strconv.Atoi(number)
		return ok && err == nil && n <= v.Number
	}
	leftovers, err := t.leftovers(ctx, lost)
	if err != nil || len(leftovers.lists)+len(leftovers.manifests)+len(leftovers.folders) == 0 {
		return err
	}
	live, err := t.reachable(ctx, v)
	if err != nil {
		return err
	}
	for _, list := range leftovers.lists {
		if live.lists[list] {
			continue
		}
		if err := t.removeSnapshot(ctx, list, live); err != nil {
			return err
		}
	}
	for _, m := range leftovers.manifests {
		if !live.manifests[m] {
			if err := t.folder.Remove(ctx, m); err != nil {
				return err
			}
		}
	}
	for _, folder := range leftovers.folders {
		if !live.folders[folder] {
			if err := t.removeFolder(ctx, folder); err != nil {
				return err
			}
		}
	}
	if err := t.removeVersions(ctx, v); err != nil {
		return err
	}
	return t.removeTemporary(ctx, metadataDir)
}

// found are files of a table, and folders of data files.
type found struct{ lists, manifests, folders []string }

// leftovers lists the files of commits.
func (t *Table) leftovers(ctx context.Context, of func(name string) bool) (f found, err error) {
	for ext, names := range map[string]*[]string{snapshotExt: &f.lists, manifestExt: &f.manifests} {
		files, err := t.folder.List(ctx, metadataDir+"*"+ext)
		if err != nil {
			return f, err
		}
		for _, file := range files {
			if of(strings.TrimPrefix(file, metadataDir)) {
				*names = append(*names, file)
			}
		}
	}
	folders, err := t.folder.Folders(ctx, dataDir)
	for _, name := range folders {
		if of(name) {
			f.folders = append(f.folders, dataDir+name+"/")
		}
	}
	return f, err
}

type reachable struct{ lists, manifests, data, folders map[string]bool }

// reachable is all that the snapshots of a version have.
func (t *Table) reachable(ctx context.Context, v *Version) (r reachable, err error) {
	r = reachable{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for i := range v.meta.Snapshots {
		s := &v.meta.Snapshots[i]
		list, err := t.name(s.List)
		if err != nil {
			return r, err
		}
		r.lists[list] = true
		manifests, err := t.readList(ctx, list)
		if err != nil {
			return r, err
		}
		for j := range manifests {
			name, err := t.name(manifests[j].Path)
			if err != nil {
				return r, err
			}
			if r.manifests[name] {
				continue
			}
			r.manifests[name] = true
			err = t.live(ctx, &manifests[j], func(f File) error {
				r.data[f.Path], r.folders[f.Folder()] = true, true
				return nil
			})
			if err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// removeSnapshot removes a list of manifests with all that is reachable by it alone.
func (t *Table) removeSnapshot(ctx context.Context, list string, live reachable) error {
	manifests, err := t.readList(ctx, list)
	if err != nil {
		return err
	}
	for i := range manifests {
		name, err := t.name(manifests[i].Path)
		if err != nil {
			return err
		}
		if live.manifests[name] {
			continue
		}
		there, err := t.folder.Exists(ctx, name)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		err = t.live(ctx, &manifests[i], func(f File) error {
			if live.data[f.Path] || !strings.HasPrefix(f.Path, dataDir) {
				return nil
			}
			crashpoint.At("table-remove-data")
			return t.folder.Remove(ctx, f.Path)
		})
		if err != nil {
			return err
		}
		crashpoint.At("table-remove-manifest")
		if err := t.folder.Remove(ctx, name); err != nil {
			return err
		}
	}
	return t.folder.Remove(ctx, list)
}

// removeFolder removes a folder of data files.
func (t *Table) removeFolder(ctx context.Context, folder string) error {
	if err := t.removeTemporary(ctx, folder); err != nil {
		return err
	}
	files, err := t.folder.List(ctx, folder+"*")
	if err != nil {
		return err
	}
	for _, f := range files {
		crashpoint.At("table-remove-folder")
		if err := t.folder.Remove(ctx, f); err != nil {
			return err
		}
	}
	return t.removeEmpty(ctx, folder)
}

// removeTemporary removes the temporary files of a folder. A live writer of one writes it again.
func (t *Table) removeTemporary(ctx context.Context, folder string) error {
	if err := chunkfolder.SweepTemporary(ctx, t.folder, folder); err != nil {
		return err
	}
	return t.removeEmpty(ctx, folder+store.TempDir+"/")
}

// removeEmpty removes a folder, unless somebody has put something into it.
func (t *Table) removeEmpty(ctx context.Context, folder string) error {
	err := t.folder.Remove(ctx, strings.TrimSuffix(folder, "/"))
	if left, unknown := t.folder.List(ctx, folder+"*"); unknown == nil && len(left) > 0 {
		return nil
	}
	return err
}

// removeVersions removes versions that the newest does not know of any more.
func (t *Table) removeVersions(ctx context.Context, v *Version) error {
	known := map[string]bool{t.Path(versionFile(v.Number)): true}
	for _, e := range v.meta.MetadataLog {
		known[e.File] = true
	}
	numbers, err := t.versions(ctx)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n < v.Number && !known[t.Path(versionFile(n))] {
			if err := t.folder.Remove(ctx, versionFile(n)); err != nil {
				return err
			}
		}
	}
	return nil
}
