package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestMain(m *testing.M) {
	command.Become("archive", main)
	os.Exit(m.Run())
}

func start(t *testing.T) *broker.Broker {
	t.Helper()
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Partitions: 2}}})
	for p := range int32(2) {
		var recs []frame.Record
		for i := range 200 {
			recs = append(recs, frame.Record{Timestamp: 1700000000000 + int64(i), Key: []byte("cam"), Value: fmt.Appendf(nil, "frame %d of %d", i, p)})
		}
		if _, err := b.Append(t.Context(), "frames", p, recs...); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// tree is the files below root with their content, but for the marks of how far
// a job had looked.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "archive-verified+") {
			return err
		}
		b, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, root)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestTheCommand(t *testing.T) {
	b := start(t)
	run := func(crash string, args ...string) (string, error) {
		args = append([]string{"--brokers", strings.Join(b.Addrs(), ","), "--until=now", "--chunk=32"}, args...)
		out, err := command.New(t, "archive", crash, args...).CombinedOutput()
		return string(out), err
	}
	whole := filepath.Join(t.TempDir(), "archive")
	if out, err := run("", "--archive", whole); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := tree(t, whole)

	t.Run("nothing is done twice", func(t *testing.T) {
		out, err := run("", "--archive", whole)
		if err != nil || strings.Count(out, "nothing new, the archive holds everything below offset 200") != 2 {
			t.Errorf("%v\n%s", err, out)
		}
	})
	for _, point := range []string{"archive-temp-closed", "archive-renamed"} {
		for _, n := range []int{1, 5, 14} {
			t.Run(fmt.Sprintf("killed at %s:%d and started again", point, n), func(t *testing.T) {
				root := filepath.Join(t.TempDir(), "archive")
				_, err := run(fmt.Sprintf("%s:%d", point, n), "--archive", root)
				if !command.Killed(err) {
					t.Fatalf("it was not killed: %v", err)
				}
				if out, err := run("", "--archive", root); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				if diff := cmp.Diff(want, tree(t, root)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
	t.Run("every violation is said at once", func(t *testing.T) {
		out, err := run("", "--until=tomorrow", "--from=yesterday", "--chunk=0", "--topic=a/b")
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("got %v", err)
		}
		for _, flag := range []string{"--until=tomorrow", "--from=yesterday", "--chunk=0", `"a/b"`, "--archive is missing"} {
			if !strings.Contains(out, flag) {
				t.Errorf("nothing about %s in:\n%s", flag, out)
			}
		}
	})
}
