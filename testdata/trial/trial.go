// Package trial is what the tests of whole pipelines share: a broker with a log in
// it, and the digest of what was written.
package trial

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/result"
)

// Topic is the topic of every trial.
const Topic = "frames"

// Whole are the places of a job over all that the log has now.
func Whole(t *testing.T) (start, until plan.Place) {
	t.Helper()
	start, err := plan.Start("earliest")
	if err != nil {
		t.Fatal(err)
	}
	if until, err = plan.Until("now"); err != nil {
		t.Fatal(err)
	}
	return start, until
}

// Start runs a broker with a topic of as many partitions as there are logs.
func Start(t *testing.T, logs ...[]frame.Record) *broker.Broker {
	t.Helper()
	b, err := broker.Start(broker.Options{Topics: []broker.Topic{{Name: Topic, Partitions: int32(len(logs))}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	for p, recs := range logs {
		Add(t, b, int32(p), recs)
	}
	return b
}

// Add appends records to a partition.
func Add(t *testing.T, b *broker.Broker, partition int32, recs []frame.Record) {
	t.Helper()
	for i := 0; i < len(recs); i += 50 {
		if _, err := b.Append(context.Background(), Topic, partition, recs[i:min(i+50, len(recs))]...); err != nil {
			t.Fatal(err)
		}
	}
}

// Split gives each camera's records to one of n partitions, records without a
// key to any.
func Split(recs []frame.Record, n int) [][]frame.Record {
	logs := make([][]frame.Record, n)
	for i, r := range recs {
		p := i % n
		if len(r.Key) > 0 {
			p = int(r.Key[len(r.Key)-1]) % n
		}
		logs[p] = append(logs[p], r)
	}
	return logs
}

// Tree is every file below the folder but the journal and temporary files, with
// its content's digest.
func Tree(t *testing.T, root string) map[string]string {
	t.Helper()
	if strings.Contains(root, "://") {
		return remoteTree(t, root)
	}
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a job that is still running has just removed it
		}
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == store.TempDir {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, "_framebeam") {
			return nil
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		files[name] = fmt.Sprintf("%d bytes %x", len(b), sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// remoteTree is Tree on a filesystem that lists folders among the files.
func remoteTree(t *testing.T, root string) map[string]string {
	t.Helper()
	ctx := context.Background()
	f, err := filesystem.New(ctx, root)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for glob := root + "/*"; ; glob += "/*" {
		paths, err := f.List(ctx, glob)
		if err != nil {
			t.Fatal(err)
		}
		if len(paths) == 0 {
			return files
		}
		for _, path := range paths {
			name := strings.TrimPrefix(path, root+"/")
			if strings.HasPrefix(name, "_framebeam") || slices.Contains(strings.Split(name, "/"), store.TempDir) {
				continue
			}
			b, err := filesystem.Read(ctx, f, path)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			files[name] = fmt.Sprintf("%d bytes %x", len(b), sha256.Sum256(b))
		}
	}
}

// SameTree fails unless both trees are the same and not empty.
func SameTree(t *testing.T, what string, want, got map[string]string) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("nothing was written")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: the output differs (-want +got):\n%s", what, d)
	}
}

// Rows are all results of an output, partial ones too.
func Rows(t *testing.T, root string) []result.Frame {
	t.Helper()
	folder, err := store.Open(context.Background(), root)
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.OpenExisting(context.Background(), folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []result.Frame
	if err := out.Each(context.Background(), func(_ string, rows []result.Frame, _ bool) error {
		all = append(all, rows...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}
