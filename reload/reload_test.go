package reload_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/reload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// watch watches a file that says "a" until the test ends. It gives what apply was shown.
func watch(t *testing.T, file string, check func(string) error) (shown chan string, state *reload.State) {
	t.Helper()
	shown, state = make(chan string), &reload.State{}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		reload.Watch(ctx, reload.Options{File: file, Content: []byte("a"), Every: time.Millisecond, State: state},
			func(ctx context.Context, b []byte) error {
				select {
				case shown <- string(b):
				case <-ctx.Done():
				}
				return check(string(b))
			})
	}()
	t.Cleanup(func() { stop(); <-done })
	return shown, state
}

func good(string) error { return nil }

// until waits for a condition, generously.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestAFileThatChangesIsShown(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, dir, file string)
	}{
		{"written in place", func(t *testing.T, _, file string) { write(t, file, "b") }},
		{"emptied, then written", func(t *testing.T, _, file string) { write(t, file, ""); write(t, file, "b") }},
		{"another file renamed over it", func(t *testing.T, dir, file string) {
			write(t, filepath.Join(dir, "new"), "b")
			if err := os.Rename(filepath.Join(dir, "new"), file); err != nil {
				t.Fatal(err)
			}
		}},
		{"removed, and written again", func(t *testing.T, _, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			write(t, file, "b")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "f.yaml")
			write(t, file, "a")
			shown, state := watch(t, file, good)
			c.change(t, dir, file)
			if got := <-shown; got != "b" {
				t.Errorf("shown %q", got)
			}
			until(t, "it is in use", func() bool { return state.Used() == reload.Digest([]byte("b")) })
		})
	}
}

func TestALinkThatIsTurnedAsKubernetesDoesIsFollowed(t *testing.T) {
	// file -> ..data/f.yaml, ..data -> ..1, then ..data -> ..2 by a rename of the link.
	dir := t.TempDir()
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for version, content := range map[string]string{"..1": "a", "..2": "b"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "f.yaml"), content)
	}
	link("..1", "..data")
	link("..data/f.yaml", "f.yaml")
	shown, _ := watch(t, filepath.Join(dir, "f.yaml"), good)
	link("..2", "..tmp")
	if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if got := <-shown; got != "b" {
		t.Errorf("shown %q", got)
	}
}

func TestABadFileChangesNothingAndIsShownOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f.yaml")
	write(t, file, "a")
	shown, state := watch(t, file, func(s string) error {
		if s == "bad" {
			return errors.New("line 1: wrong\nline 2: wrong too")
		}
		return nil
	})
	write(t, file, "bad")
	if got := <-shown; got != "bad" {
		t.Fatalf("shown %q", got)
	}
	until(t, "it is said", func() bool { return state.Last().Err != "" })
	if l := state.Last(); l.Err != "line 1: wrong\nline 2: wrong too" || l.Digest != reload.Digest([]byte("bad")) || l.At.IsZero() {
		t.Errorf("the last change is %+v", l)
	}
	if got := state.Used(); got != reload.Digest([]byte("a")) {
		t.Errorf("in use is %s", got)
	}
	write(t, file, "c") // the bad one would be shown before
	if got := <-shown; got != "c" {
		t.Errorf("shown %q", got)
	}
	until(t, "the next is in use", func() bool { return state.Last().Err == "" && state.Used() == reload.Digest([]byte("c")) })
	if applied, failed := state.Counts(); applied != 1 || failed != 1 {
		t.Errorf("%d were used and %d not", applied, failed)
	}
}

func TestABadFileThatIsChangedBackIsWellAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f.yaml")
	write(t, file, "a")
	shown, state := watch(t, file, func(string) error { return errors.New("wrong") })
	write(t, file, "bad")
	<-shown
	until(t, "it is said", func() bool { return state.Last().Err != "" })
	write(t, file, "a")
	until(t, "it is well again", func() bool { return state.Last().Err == "" })
	if applied, failed := state.Counts(); applied != 0 || failed != 1 {
		t.Errorf("%d were used and %d not", applied, failed)
	}
}

func TestAFileThatIsGoneIsSaidAndComesBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f.yaml")
	write(t, file, "a")
	_, state := watch(t, file, good)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	until(t, "it is said", func() bool { return state.Last().Err != "" })
	write(t, file, "a")
	until(t, "it is well again", func() bool { return state.Last().Err == "" })
}
