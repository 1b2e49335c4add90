package pipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv("PIPE_HELPER"); mode != "" {
		helper(mode)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// spec is the test's own program in the given mode.
func spec(t *testing.T, mode string, change ...func(*Spec)) Spec {
	t.Helper()
	s := Spec{
		Name: "pipes/" + t.Name(), Command: []string{os.Args[0]}, Env: map[string]string{"PIPE_HELPER": mode, "PIPE_DIR": t.TempDir()},
		Processes: 1, StartLimit: 20 * time.Second, FrameLimit: 20 * time.Second, Attempts: 3,
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func open(t *testing.T, s Spec) *Pool {
	t.Helper()
	p, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func question(data string) *Question {
	return &Question{Format: Gray, Width: 40, Height: 30, Camera: "gate", Captured: time.Unix(5, 0), Data: []byte(data)}
}

// bad is the question at which the helper does what its mode says. It is more than a
// pipe holds.
func bad() *Question { return question(strings.Repeat("x", 1<<20+1)) }

// starts is the processes that the helper of this spec had.
func starts(t *testing.T, s Spec) []int { return pids(t, s, "pid-*") }

func pids(t *testing.T, s Spec, pattern string) (all []int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Env["PIPE_DIR"], pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		_, pid, _ := strings.Cut(filepath.Base(f), "-")
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

func TestAProgramAnswers(t *testing.T) {
	s := spec(t, "echo")
	p := open(t, s)
	for _, data := range []string{"a", "", strings.Repeat("x", 1<<20), "b"} {
		a, err := p.Ask(question(data))
		if err != nil {
			t.Fatal(err)
		}
		want := &Answer{
			Detections: []Detection{{Label: "gray gate 40x30", X: 1, Y: 2, Width: 3.5, Height: 4, Score: 0.25, Area: 9}, {Label: "whole", Width: 40, Height: 30, Score: 1}},
			Features:   []Feature{{Kind: "length", Data: []byte(strconv.Itoa(len(data)))}},
		}
		if diff := cmp.Diff(want, a); diff != "" {
			t.Fatal(diff)
		}
	}
	if n := len(starts(t, s)); n != 1 {
		t.Errorf("%d processes for questions that were all answered", n)
	}
}

// Each mode fails at the bad question and answers all others.
func TestWhatFailsCostsOneAnswer(t *testing.T) {
	for mode, want := range map[string]string{
		"crash":    "it ended: exit status 3",
		"tell":     "it ended: exit status 4; the last that it said: no such model: yolo.onnx",
		"kill":     "it ended: signal: killed",
		"early":    "it ended: exit status 0",
		"hang":     "it took longer than",
		"deaf":     "it took longer than",
		"garbage":  "wrong answer: invalid character",
		"other":    "wrong answer: it is about frame",
		"infinite": "wrong answer: json: cannot unmarshal number 1e999",
		"flood":    "wrong answer: its line is longer",
		"trailing": "wrong answer: something follows",
		"sorry":    "the program says: no idea",
		"children": "it took longer than",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := spec(t, mode, func(s *Spec) {
				s.Attempts = 2
				if strings.Contains(want, "longer than") && mode != "flood" {
					s.FrameLimit = 700 * time.Millisecond
				}
			})
			p, err := Open(s)
			if err != nil {
				t.Fatal(err)
			}
			good := func() {
				t.Helper()
				if _, err := p.Ask(question("good")); err != nil {
					t.Fatal(err)
				}
			}
			good()
			_, err = p.Ask(bad())
			var failed *Failed
			if !errors.As(err, &failed) || failed.Attempts != 2 || !strings.Contains(failed.Last.Error(), want) {
				t.Errorf("error %v, want two attempts and %q", err, want)
			}
			good()
			if n := len(starts(t, s)); n != 3 {
				t.Errorf("%d processes, want one, one for the second attempt, and one after it", n)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			for _, pid := range append(starts(t, s), pids(t, s, "child-*")...) {
				gone(t, pid)
			}
		})
	}
}

// gone checks that a process does not run any more.
func gone(t *testing.T, pid int) {
	t.Helper()
	for range 100 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}

func TestHowAProgramHadEndedIsSaidWhateverWentWrong(t *testing.T) {
	for _, c := range []struct {
		script, want string
		err          error
	}{
		{"echo why >&2; exit 3", "it took longer than 1s, and ended: exit status 3; the last that it said: why", errors.New("it took longer than 1s")},
		{"kill -SEGV $$", "it ended: signal: segmentation fault", errEnded},
	} {
		spec := Spec{Name: "pipes/x", Command: []string{"/bin/sh", "-c", `echo '{"ready":1}'; read -r line; ` + c.script}, StartLimit: 20 * time.Second}
		p, err := start(&spec, &logger{name: spec.Name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.in.WriteString("go on\n"); err != nil {
			t.Fatal(err)
		}
		if !p.ended(20 * time.Second) {
			t.Fatal("it does not end")
		}
		if got := p.fail(c.err); !errors.Is(got, c.err) || strings.TrimSuffix(got.Error(), " (core dumped)") != c.want {
			t.Errorf("%v, want %s", got, c.want)
		}
	}
}

func TestAnotherAttemptMaySucceed(t *testing.T) {
	s := spec(t, "once")
	if _, err := open(t, s).Ask(bad()); err != nil {
		t.Error(err)
	}
	if n := len(starts(t, s)); n != 2 {
		t.Errorf("%d processes", n)
	}
}

func TestAProgramThatCannotBeUsedIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		spec Spec
		want string
	}{
		"it is not there":         {spec(t, "", func(s *Spec) { s.Command = []string{"/no/such/program"} }), "no such file"},
		"it ends at once":         {spec(t, "quit"), "never ready: not ready: it ended: exit status 0"},
		"it never says ready":     {spec(t, "mute", func(s *Spec) { s.StartLimit = 300 * time.Millisecond }), "never ready: not ready: it took longer than 300ms"},
		"it says something else":  {spec(t, "hello"), "never ready: not ready: its first line is not"},
		"it is of another future": {spec(t, "future"), "speaks version 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.spec.Attempts = 2
			_, err := open(t, c.spec).Ask(question("x"))
			var failed *Failed
			if err == nil || errors.As(err, &failed) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestManyMayAskAtOnce(t *testing.T) {
	s := spec(t, "echo", func(s *Spec) { s.Processes = 2 })
	p := open(t, s)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			data := strings.Repeat("x", i)
			for range 5 {
				if got, err := p.Ask(question(data)); err != nil || string(got.Features[0].Data) != strconv.Itoa(i) {
					t.Errorf("answer %+v, %v", got, err)
				}
			}
		})
	}
	all.Wait()
	if n := len(starts(t, s)); n != 2 {
		t.Errorf("%d processes", n)
	}
}

func TestAProgramMayEndByItself(t *testing.T) {
	s := spec(t, "tidy")
	p, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Ask(question("x")); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(s.Env["PIPE_DIR"], "tidied")); err != nil {
		t.Errorf("the program was not let to end: %v", err)
	}
}

func TestAProgramHasLittleOfOurEnvironment(t *testing.T) {
	t.Setenv("PIPE_SECRET", "s3cret")
	t.Setenv("PIPE_TOKEN", "t0ken")
	s := spec(t, "env", func(s *Spec) { s.Inherit = []string{"PIPE_TOKEN", "PIPE_ABSENT"} })
	a, err := open(t, s).Ask(question("x"))
	if err != nil {
		t.Fatal(err)
	}
	env := string(a.Features[0].Data)
	if strings.Contains(env, "s3cret") || !strings.Contains(env, "PIPE_TOKEN=t0ken") || !strings.Contains(env, "PATH=") {
		t.Errorf("environment:\n%s", env)
	}
}

func TestWhatAProgramSaysIsLoggedButNotAllOfIt(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(locked{&log, &mu}, &slog.HandlerOptions{Level: slog.LevelWarn}))) // as commands log
	defer slog.SetDefault(before)
	p, err := Open(spec(t, "chatty"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Ask(question("x")); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	text := log.String()
	if n := strings.Count(text, "a pipe's program says"); n < burst || n > 10*burst {
		t.Errorf("%d of 10000 lines in the log", n)
	}
	if !strings.Contains(text, "pipe="+t.Name()) && !strings.Contains(text, "pipes/"+t.Name()) {
		t.Error("the log does not say which pipe")
	}
	if strings.Contains(text, strings.Repeat("y", longestLine+1)) {
		t.Error("a long line is not cut")
	}
}

type locked struct {
	io.Writer
	mu *sync.Mutex
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Writer.Write(b)
}

func TestTheLimiterSaysWhatItHeldBack(t *testing.T) {
	var l limiter
	at := time.Unix(1000, 0)
	for i := range burst + 3 {
		if ok, _ := l.take(at); ok != (i < burst) {
			t.Errorf("line %d: %v", i, ok)
		}
	}
	if ok, held := l.take(at.Add(time.Second / perSecond)); !ok || held != 3 {
		t.Errorf("%v, %d held back", ok, held)
	}
}

func TestPausesGrowToALimit(t *testing.T) {
	last := time.Duration(-1)
	for i := range 100 {
		d := pause(i)
		if d < last || d > longestPause {
			t.Errorf("pause %d is %v after %v", i, d, last)
		}
		last = d
	}
	if last != longestPause {
		t.Errorf("the longest pause is %v", last)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		`{"frame":7}`, `{"frame":7,"detections":[{"label":"a","x":1,"y":2,"width":3,"height":4}]}`,
		`{"frame":7,"features":[{"kind":"k","data":"AAEC"}]}`, `{"frame":7,"error":"no"}`,
		`{"frame":7,"detections":[{"label":"a","x":1,"y":2,"width":1e400,"height":4}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		a, err := parseAnswer(line, 7)
		if err != nil {
			return
		}
		for _, d := range a.Detections {
			finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
			if !finite(d.X) || !finite(d.Y) || !finite(d.Width) || !finite(d.Height) || !(d.Score >= 0 && d.Score <= 1) || d.Label == "" {
				t.Fatalf("%+v passed", d)
			}
		}
	})
}

func TestAnswersAreChecked(t *testing.T) {
	box := func(rest string) string {
		return `{"frame":7,"detections":[{"label":"a","x":1,"y":2,"width":3,"height":4` + rest + `}]}`
	}
	for _, c := range []struct {
		name, line string
		ok         bool
	}{
		{"nothing found", `{"frame":7}`, true},
		{"a box", box(""), true},
		{"a score of 1", box(`,"score":1`), true},
		{"an edge just outside", `{"frame":7,"detections":[{"label":"a","x":-0.4,"y":0,"width":40.9,"height":30}]}`, true},
		{"no frame", `{"detections":[]}`, false},
		{"another frame", `{"frame":8}`, false},
		{"an unknown field", box(`,"confidence":0.5`), false},
		{"a score above 1", box(`,"score":1.01`), false},
		{"a score below 0", box(`,"score":-0.1`), false},
		{"an area below 0", box(`,"area":-1`), false},
		{"no label", `{"frame":7,"detections":[{"x":1,"y":2,"width":3,"height":4}]}`, false},
		{"a label that is too long", `{"frame":7,"detections":[{"label":"` + strings.Repeat("a", MaxName+1) + `","x":1,"y":2,"width":3,"height":4}]}`, false},
		{"no width", `{"frame":7,"detections":[{"label":"a","x":1,"y":2,"height":4}]}`, false},
		{"no height to speak of", `{"frame":7,"detections":[{"label":"a","x":1,"y":2,"width":3,"height":0}]}`, true},
		{"a box that is hardly there", `{"frame":7,"detections":[{"label":"a","x":1,"y":2,"width":1e-9,"height":-3}]}`, true},
		{"a box outside", `{"frame":7,"detections":[{"label":"a","x":380,"y":-1e308,"width":4,"height":4}]}`, true},
		{"an infinite box", `{"frame":7,"detections":[{"label":"a","x":1e999,"y":2,"width":4,"height":4}]}`, false},
		{"NaN as Python writes it", `{"frame":7,"detections":[{"label":"a","x":NaN,"y":2,"width":3,"height":4}]}`, false},
		{"a feature without a kind", `{"frame":7,"features":[{"data":"AA=="}]}`, false},
		{"two answers on a line", `{"frame":7}{"frame":7}`, false},
		{"too many boxes", `{"frame":7,"detections":[` + strings.TrimSuffix(strings.Repeat(`{"label":"a","x":1,"y":2,"width":3,"height":4},`, MaxDetections+1), ",") + `]}`, false},
		{"not JSON", `frame 7: nothing`, false},
		{"nothing", ``, false},
	} {
		if _, err := parseAnswer([]byte(c.line+"\n"), 7); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
