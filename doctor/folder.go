package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// probe is the file that is written, renamed, read and removed. Jobs pass over names that
// begin so.
const probe = "_framebeam-doctor"

// freeLeast is the part of a disk that should be free.
const freeLeast = 0.05

func outputFolder(ctx context.Context, r *report, root string) {
	folder, err := store.Open(ctx, root)
	if err != nil {
		r.fail(folderAdvice(root), "%s", reason(ctx, err))
		return
	}
	name := fmt.Sprintf("%s-%d", probe, os.Getpid())
	made := missing(root)
	err = folder.CreateExclusive(ctx, name, []byte("a trial of framebeam doctor, to be removed\n"))
	if err == nil {
		if err = folder.CreateExclusive(ctx, name, nil); err == nil {
			err = errors.New("a file that was there was replaced, which must not be")
		} else if errors.Is(err, fs.ErrExist) {
			_, err = folder.Read(ctx, name)
		}
		err = errors.Join(err, folder.Remove(context.WithoutCancel(ctx), name)) // even if the trial took too long
	}
	// What was made for the trial goes: a folder that is empty is taken for one that was begun.
	for _, dir := range made {
		_ = os.Remove(filepath.Join(dir, store.TempDir)) // if it is empty, as the folder
		_ = os.Remove(dir)
	}
	if err != nil {
		r.fail(folderAdvice(root), "it cannot be written: %s", reason(ctx, err))
		return
	}
	r.ok("can be written, renamed in and read")
	freeSpace(ctx, r, folder)
}

// missing are the folders that are not there yet, the innermost first.
func missing(root string) (dirs []string) {
	if strings.Contains(root, "://") {
		return nil
	}
	dir, err := filepath.Abs(root)
	for err == nil {
		if _, bad := os.Stat(dir); bad == nil || !errors.Is(bad, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		dirs = append(dirs, dir)
		dir = filepath.Dir(dir)
	}
	return dirs
}

func folderAdvice(root string) string {
	if strings.HasPrefix(root, "hdfs://") {
		return "see whether the NameNode is up and out of safe mode (hdfs dfsadmin -safemode get), whether HADOOP_CONF_DIR is its configuration, and whether this user may write there (hdfs dfs -ls)"
	}
	return "make the folder writable for this user, or choose another; of a unit of systemd see ReadWritePaths="
}

func freeSpace(ctx context.Context, r *report, folder *store.Folder) {
	free, all, err := folder.Space(ctx)
	switch text := fmt.Sprintf("%s of %s are free", humanize.IBytes(free), humanize.IBytes(all)); {
	case errors.Is(err, store.ErrSpaceUnknown):
	case err != nil:
		r.warn("", "the free space cannot be asked for: %s", reason(ctx, err))
	case float64(free) < freeLeast*float64(all):
		r.warn("make room, or give old files up: framebeam retention (docs/retention.md)", "%s", text)
	default:
		r.ok("%s", text)
	}
}

// results looks at the folder of results, and what made it.
func results(ctx context.Context, w *What) []Finding {
	if w.Output == "" {
		return nil
	}
	r := &report{check: "output " + w.Output}
	outputFolder(ctx, r, w.Output)
	if folder, err := store.Open(ctx, w.Output); err == nil {
		o, err := output.OpenExisting(ctx, folder)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			r.ok("nothing is in it yet")
		case err != nil:
			r.fail("framebeam verify says more", "it cannot be read: %s", reason(ctx, err))
		default:
			made(r, o)
		}
	}
	return r.all
}

// made says whether what is there was made with this OpenCV.
func made(r *report, o *output.Output) {
	gens := o.Generations()
	if len(gens) == 0 {
		return
	}
	if was := gens[len(gens)-1].OpenCV; was != "" && was != pixels.Build() {
		r.warn("jobs that go on here begin a new generation; for the same bytes use the OpenCV that it was made with", "it was made with %s, this program has %s", was, pixels.Build())
		return
	}
	r.ok("%d generations, the last made with this OpenCV", len(gens))
}

func archive(ctx context.Context, w *What) []Finding {
	if w.Archive == "" {
		return nil
	}
	r := &report{check: "archive " + w.Archive}
	outputFolder(ctx, r, w.Archive)
	return r.all
}
