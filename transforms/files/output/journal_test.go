package output

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/framebeam/framebeam/transforms/chunk"
)

func gens(configs ...string) (all []Generation) {
	for i, c := range configs {
		all = append(all, Generation{Format: journalFormat, Number: i + 1, ConfigDigest: c, Began: map[string]int64{}})
	}
	return all
}

func began(all []Generation, number int, key string, k int64) []Generation {
	all[number-1].Began[key] = k
	return all
}

func TestLineageFollowsFromWhatContentDependsOn(t *testing.T) {
	lineage := func(g []Generation, key string, k int64) string { return governing(g, key, k).lineage }
	a, b := lineage(gens("A"), "t+0", 0), lineage(gens("B"), "t+0", 0)
	if a == b || a == "" {
		t.Fatalf("configurations A and B have lineages %q and %q", a, b)
	}
	if got := lineage(gens("A"), "t+1", 99); got != a {
		t.Error("the lineage of one configuration depends on partition or chunk")
	}
	if got := lineage(gens("A", "B"), "t+0", 3); got != b {
		t.Error("a generation that keeps nothing of a partition has another lineage than a fresh one")
	}
	ab := began(gens("A", "B"), 2, "t+0", 5)
	if lineage(ab, "t+0", 4) != a {
		t.Error("chunks before the change have another lineage")
	}
	if got := lineage(ab, "t+0", 5); got == a || got == b {
		t.Error("chunks after the change do not tell what they carry over")
	}
	if lineage(ab, "t+1", 5) != b {
		t.Error("a partition that was begun after the change knows of it")
	}
	if lineage(ab, "t+0", 5) == lineage(began(gens("A", "B"), 2, "t+0", 6), "t+0", 6) {
		t.Error("the chunk of the change is not in the lineage")
	}
	aba := began(began(gens("A", "B", "A"), 2, "t+0", 5), 3, "t+0", 5)
	if got := governing(aba, "t+0", 7); got.lineage != a || got.generation != 3 {
		t.Errorf("a configuration that left no chunk left a trace: %+v", got)
	}
	aba = began(began(gens("A", "B", "A"), 2, "t+0", 5), 3, "t+0", 6)
	if got := lineage(aba, "t+0", 7); got == a {
		t.Error("states that went through B count as A's")
	}
}

func TestAnOutputIsJoinedByTheSameConfiguration(t *testing.T) {
	f := testFolder(t)
	first := testOpen(t, f, "A")
	again := testOpen(t, f, "A")
	if first.Spec() != again.Spec() || len(again.Generations()) != 1 {
		t.Errorf("%+v and %+v", first.Spec(), again.Spec())
	}
	g := again.Generations()[0]
	if g.Config != "config: A" || g.OpenCV != "4.6.0" || g.Arch == "" {
		t.Errorf("not recorded: %+v", g)
	}
}

func TestAnotherChunkSizeIsRefusedNamingBoth(t *testing.T) {
	f := testFolder(t)
	testOpen(t, f, "A")
	_, err := Open(t.Context(), f, OpenConfig{N: 77, ConfigDigest: "A"})
	if !errors.Is(err, ErrOtherLayout) || !strings.Contains(err.Error(), "77") || !strings.Contains(err.Error(), "4") {
		t.Errorf("got %v", err)
	}
}

func TestManySubmittersAtOnce(t *testing.T) {
	f := testFolder(t)
	configs := []string{"A", "A", "B", "A", "B", "C"}
	outs := make([]*Output, len(configs))
	var wg sync.WaitGroup
	for i, config := range configs {
		wg.Go(func() {
			o, err := Open(t.Context(), f, OpenConfig{N: testN, ConfigDigest: config})
			if err != nil {
				t.Error(err)
			}
			outs[i] = o
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for i, o := range outs {
		if got := o.Generations()[o.Spec().Generation-1].ConfigDigest; got != configs[i] {
			t.Errorf("%s got a generation of %s", configs[i], got)
		}
	}
	all, err := readGenerations(t.Context(), f, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(all); i++ {
		if all[i].ConfigDigest == all[i-1].ConfigDigest {
			t.Errorf("generations %d and %d have the same configuration", i, i+1)
		}
	}
}

func TestTheFirstJobOfAPartitionSetsItsBase(t *testing.T) {
	o := testOpen(t, testFolder(t), "A")
	for _, start := range []int64{6, 9} {
		if base, err := o.Begin(t.Context(), chunk.Partition{Topic: "frames"}, start); err != nil || base != 6 {
			t.Errorf("base %d, %v", base, err)
		}
	}
	if _, err := o.Begin(t.Context(), chunk.Partition{Topic: "a/b"}, 0); err == nil {
		t.Error("a bad topic was accepted")
	}
	if _, err := o.Begin(t.Context(), chunk.Partition{Topic: "frames", ID: 1}, -2); err == nil {
		t.Error("a negative start was accepted")
	}
}

func TestAJournalOfAnotherFormatOrDamagedIsRefused(t *testing.T) {
	for name, change := range map[string]struct{ file, content string }{
		"newer layout":       {layoutFile, `{"format":4,"n":4,"block":4}`},
		"layout without n":   {layoutFile, `{"format":2}`},
		"torn layout":        {layoutFile, `{"form`},
		"newer generation":   {generationFile(1), `{"format":5,"number":1}`},
		"renamed generation": {generationFile(1), `{"format":2,"number":3}`},
	} {
		t.Run(name, func(t *testing.T) {
			f := testFolder(t)
			testOpen(t, f, "A")
			overwrite(t, f, change.file, []byte(change.content))
			_, err := Open(t.Context(), f, OpenConfig{N: testN, ConfigDigest: "A"})
			if err == nil || !strings.Contains(err.Error(), change.file) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAFolderThatIsNoOutputCannotBeRead(t *testing.T) {
	if _, err := OpenExisting(t.Context(), testFolder(t)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
