package repair_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/repair"
	"github.com/framebeam/framebeam/pipelines/verify"
	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/retention"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
)

const chunkN = 20

// TestMain makes of this program one that verifies and repairs.
func TestMain(m *testing.M) {
	command.Become("repair", func() {
		_, failed, err := mend(context.Background(), os.Args[1], os.Args[2], strings.Fields(os.Args[3]))
		if err != nil || len(failed) > 0 {
			fmt.Fprintln(os.Stderr, failed, err)
			os.Exit(1)
		}
	})
	code := m.Run()
	if whole.out != "" {
		os.RemoveAll(filepath.Dir(whole.out))
	}
	os.Exit(code)
}

func topic(brokers []string) *log.Spec {
	if len(brokers) == 0 {
		return nil
	}
	return &log.Spec{Kind: "kafka", Brokers: brokers}
}

func check(ctx context.Context, out, arch string, sample int) (*verify.Report, *verify.Run, error) {
	opened, err := retention.Open(ctx, out, arch)
	if err != nil {
		return nil, nil, err
	}
	v := &verify.Run{Output: opened.Output, Archive: opened.Archive, Sample: sample, Seed: 7}
	report, err := v.Verify(ctx)
	return report, v, err
}

func mend(ctx context.Context, out, arch string, brokers []string) (found []verify.Finding, failed []repair.Failure, err error) {
	report, v, err := check(ctx, out, arch, 0)
	if err != nil {
		return nil, nil, err
	}
	r := repair.Run{Output: v.Output, Archive: v.Archive, Topic: topic(brokers), Pictures: picture.WithDetections}
	failed, err = r.Repair(ctx, report.Findings)
	return report.Findings, failed, err
}

// whole is an output and an archive of a log of several chunks in two partitions.
var whole struct {
	sync.Once
	out, arch string
}

var someLog = sync.OnceValue(func() [][]frame.Record {
	return trial.Split(film.Records(film.Config{Cameras: 4, Frames: 45, Seed: 31, Odd: true}), 2)
})

func make2(t *testing.T, b *broker.Broker) (out, arch string) {
	t.Helper()
	whole.Do(func() {
		dir, err := os.MkdirTemp("", "framebeam-repair-test-")
		if err != nil {
			t.Fatal(err)
		}
		whole.out, whole.arch = dir+"/out", dir+"/archive"
		start, until := trial.Whole(t)
		cfg, err := profiles.Parse("a.yaml", []byte("motion: {min_area: 12}\nbackground: true\ntracking: true\n"))
		if err != nil {
			t.Fatal(err)
		}
		stages, err := cfg.Stages()
		if err != nil {
			t.Fatal(err)
		}
		a := copying.Job{Runner: launch.Direct, Log: *topic(b.Addrs()), Topic: trial.Topic, Archive: whole.arch, N: 16, Start: start, Until: until}
		if _, err := a.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		j := job.Job{
			Runner: launch.Direct, Log: *topic(b.Addrs()), Topic: trial.Topic, Output: whole.out, N: chunkN, Start: start, Until: until,
			Analyses: stages, Pictures: picture.WithDetections,
		}
		if _, err := j.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if whole.out == "" {
		t.Fatal("there is no output")
	}
	return copied(t, whole.out), copied(t, whole.arch)
}

func copied(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestWhatIsWellIsFoundWellAndASampleIsTheSameAgain(t *testing.T) {
	b := trial.Start(t, someLog()...)
	out, arch := make2(t, b)
	before := trial.Tree(t, out)
	report, _, err := check(t.Context(), out, arch, 4)
	if err != nil || !report.OK() {
		t.Fatalf("%+v, %v", report, err)
	}
	if len(report.Sample) != 4 || slices.ContainsFunc(report.Sample, func(r verify.Reproduced) bool { return !r.Same }) {
		t.Errorf("the sample is %+v", report.Sample)
	}
	again, _, err := check(t.Context(), out, arch, 4)
	if err != nil || !slices.Equal(report.Sample, again.Sample) {
		t.Errorf("another sample: %+v, %v", again.Sample, err)
	}
	trial.SameTree(t, "verify", before, trial.Tree(t, out))
	var frames int64
	for _, h := range report.Held {
		if h.In == "archive" {
			frames += h.Frames
		}
	}
	if want := len(someLog()[0]) + len(someLog()[1]); frames != int64(want) {
		t.Errorf("the archive has %d frames, not %d", frames, want)
	}
}

// complete are the files of complete chunks of a kind, without folders of temporary files.
func complete(t *testing.T, root string, kinds ...string) (files []string) {
	t.Helper()
	for name := range trial.Tree(t, root) {
		if slices.Contains(kinds, strings.Split(name, "/")[0]) {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files
}

// damage removes a file, cuts it or changes a byte in it.
func damage(t *testing.T, dice *rand.Rand, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	switch dice.IntN(3) {
	case 0:
		err = os.Remove(file)
	case 1:
		err = os.WriteFile(file, b[:dice.IntN(len(b))], 0o644)
	default:
		b[len(b)/4+dice.IntN(len(b)/2)] ^= 0x55
		err = os.WriteFile(file, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsDamagedIsTheSameAfterRepair(t *testing.T) {
	b := trial.Start(t, someLog()...)
	wantOut, wantArch := make2(t, b)
	for seed := range uint64(4) {
		out, arch := make2(t, b)
		dice := rand.New(rand.NewPCG(seed, seed))
		files := complete(t, out, "results", "states")
		frames := complete(t, arch, "frames")
		hurt := map[string]bool{}
		for range 3 {
			f := files[dice.IntN(len(files))]
			if !hurt[f] {
				hurt[f] = true
				damage(t, dice, filepath.Join(out, f))
			}
		}
		f := frames[dice.IntN(len(frames))]
		hurt[f] = true
		damage(t, dice, filepath.Join(arch, f))
		found, failed, err := mend(t.Context(), out, arch, b.Addrs())
		if err != nil || len(failed) > 0 || len(found) == 0 {
			t.Fatalf("seed %d: %v: %v, %v of %v", seed, hurt, err, failed, found)
		}
		trial.SameTree(t, fmt.Sprintf("seed %d: %v", seed, hurt), trial.Tree(t, wantOut), trial.Tree(t, out))
		trial.SameTree(t, fmt.Sprintf("seed %d: %v", seed, hurt), trial.Tree(t, wantArch), trial.Tree(t, arch))
		if report, _, err := check(t.Context(), out, arch, 0); err != nil || !report.OK() {
			t.Errorf("seed %d: then %+v, %v", seed, report, err)
		}
	}
}

func TestPicturesAreMadeAgainAndDamagedFilesStayAside(t *testing.T) {
	b := trial.Start(t, someLog()...)
	out, arch := make2(t, b)
	want := trial.Tree(t, out)
	packs := complete(t, out, "images")
	if err := os.WriteFile(filepath.Join(out, packs[0]), []byte("nothing"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, failed, err := mend(t.Context(), out, arch, nil); err != nil || len(failed) > 0 {
		t.Fatal(failed, err)
	}
	trial.SameTree(t, "repaired", want, trial.Tree(t, out))
	if b, err := os.ReadFile(filepath.Join(out, "_framebeam/damaged", packs[0])); err != nil || string(b) != "nothing" {
		t.Errorf("aside lies %q, %v", b, err)
	}
}

func TestWhatCannotBeRepairedIsLeftAndTold(t *testing.T) {
	b := trial.Start(t, someLog()...)
	out, arch := make2(t, b)
	frames := complete(t, arch, "frames")
	if err := os.Truncate(filepath.Join(arch, frames[0]), 100); err != nil {
		t.Fatal(err)
	}
	results := complete(t, out, "results")
	if err := os.Remove(filepath.Join(out, results[0])); err != nil {
		t.Fatal(err)
	}
	found, failed, err := mend(t.Context(), out, arch, nil)
	if err != nil || len(found) != 2 || len(failed) != 2 || !strings.Contains(failed[0].Why, "--brokers") {
		t.Fatalf("%v, %v, %v", found, failed, err)
	}
	if info, err := os.Stat(filepath.Join(arch, frames[0])); err != nil || info.Size() != 100 {
		t.Errorf("it is not left as it was: %v", err)
	}
	if _, failed, err := mend(t.Context(), out, arch, b.Addrs()); err != nil || len(failed) > 0 {
		t.Errorf("with the topic: %v, %v", failed, err)
	}
}

func TestRepairThatIsKilledAnywhereIsFinishedByTheNext(t *testing.T) {
	b := trial.Start(t, someLog()...)
	wantOut, wantArch := make2(t, b)
	for _, crash := range []string{"repair-aside:1", "repair-aside:2", "repair-aside:3", "repair-made:1", "repair-put:1", "repair-put:2", "repair-put:3", "archive-temp-closed:1"} {
		out, arch := make2(t, b)
		results, states, frames := complete(t, out, "results"), complete(t, out, "states"), complete(t, arch, "frames")
		for _, file := range []string{filepath.Join(out, results[1]), filepath.Join(out, states[1]), filepath.Join(arch, frames[1])} {
			if err := os.Truncate(file, 300); err != nil {
				t.Fatal(err)
			}
		}
		c := command.New(t, "repair", crash, out, arch, strings.Join(b.Addrs(), " "))
		if said, err := c.CombinedOutput(); !command.Killed(err) {
			t.Fatalf("%s: %v\n%s", crash, err, said)
		}
		if _, failed, err := mend(t.Context(), out, arch, b.Addrs()); err != nil || len(failed) > 0 {
			t.Errorf("%s: %v, %v", crash, failed, err)
		}
		trial.SameTree(t, crash, trial.Tree(t, wantOut), trial.Tree(t, out))
		trial.SameTree(t, crash, trial.Tree(t, wantArch), trial.Tree(t, arch))
	}
}

func TestFilesRemovedByHandAreToldAndMadeAgainOrGivenUp(t *testing.T) {
	b := trial.Start(t, someLog()...)
	wantOut, _ := make2(t, b)
	want := trial.Tree(t, wantOut)
	analyze := func(out string) string {
		t.Helper()
		var said bytes.Buffer
		defer slog.SetDefault(slog.Default())
		slog.SetDefault(slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn})))
		start, until := trial.Whole(t)
		j := job.Job{
			Runner: launch.Direct, Log: *topic(b.Addrs()), Topic: trial.Topic, Output: out, Start: start, Until: until, Remembered: true,
			Pictures: picture.WithDetections,
		}
		if _, err := j.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return said.String()
	}
	lose := func() (out, arch string) {
		out, arch = make2(t, b)
		analyze(out) // marks how far it is complete
		for _, name := range complete(t, out, "results", "states")[:1] {
			if err := os.Remove(filepath.Join(out, name)); err != nil {
				t.Fatal(err)
			}
		}
		return out, arch
	}
	out, _ := lose()
	if said := analyze(out); !strings.Contains(said, "framebeam repair makes them again") {
		t.Errorf("it says %s", said)
	}
	trial.SameTree(t, "analysed again", want, trial.Tree(t, out))

	out, arch := lose()
	if _, failed, err := mend(t.Context(), out, arch, nil); err != nil || len(failed) > 0 {
		t.Fatal(failed, err)
	}
	if said := analyze(out); strings.Contains(said, "repair") {
		t.Errorf("it says %s", said)
	}
	trial.SameTree(t, "repaired", want, trial.Tree(t, out))

	out, _ = lose()
	r, err := retention.Open(t.Context(), out, "")
	if err != nil {
		t.Fatal(err)
	}
	r.Missing, r.Behind = true, -1
	p, err := r.Plan(t.Context())
	if err == nil {
		err = p.Do(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	left := trial.Tree(t, out)
	if said := analyze(out); strings.Contains(said, "repair") {
		t.Errorf("it says %s", said)
	}
	trial.SameTree(t, "given up", left, trial.Tree(t, out))
	if report, _, err := check(t.Context(), out, arch, 2); err != nil || !report.OK() {
		t.Errorf("%+v, %v", report, err)
	}
}
