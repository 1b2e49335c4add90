// Package transforms_test keeps the rules by which the packages below import each other.
package transforms_test

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/framebeam/framebeam/"

// stages are the packages with the pipeline's transforms, in the order of a frame's way,
// and those beside it.
var stages = []string{"source", "perframe", "sequence", "eventsink", "chunksink", "archive", "picture"}

// needs are the packages of this module that each one below transforms needs, however far
// away, by their paths in the module.
func needs(t *testing.T) map[string][]string {
	t.Helper()
	// go test repeats a result as long as what the test itself has looked at is the same.
	for _, folder := range []string{".", "../kafka", "../strictyaml"} {
		if err := filepath.WalkDir(folder, func(string, fs.DirEntry, error) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		var own []string
		for _, w := range words[1:] {
			if p, ok := strings.CutPrefix(w, module); ok {
				own = append(own, p)
			}
		}
		all[strings.TrimPrefix(words[0], module)] = own
	}
	return all
}

func TestPackagesImportWhatTheyMay(t *testing.T) {
	all := needs(t)
	within := func(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }
	for p, needed := range all {
		for _, n := range needed {
			for _, folder := range []string{"ingest", "pipelines"} {
				if within(n, folder) {
					t.Errorf("%s needs %s: transforms know nothing of the programs", p, n)
				}
			}
			if !within(p, "transforms/vision") {
				continue
			}
			for _, folder := range []string{"kafka", "transforms/files", "transforms/log"} {
				if within(n, folder) {
					t.Errorf("%s needs %s: vision knows no Kafka and no storage", p, n)
				}
			}
		}
	}
	for _, stage := range stages {
		folder := "transforms/" + stage
		if all[folder] == nil {
			t.Errorf("there is no %s", folder)
		}
		for p, needed := range all {
			if !within(p, folder) {
				continue
			}
			for _, other := range stages {
				if other == stage {
					continue
				}
				if i := slices.IndexFunc(needed, func(n string) bool { return within(n, "transforms/"+other) }); i >= 0 {
					t.Errorf("%s needs %s: a stage imports no other", p, needed[i])
				}
			}
		}
	}
}

// A stage that needs more than this has taken in what is another's affair. Lower a number
// when it falls; think twice before you raise one. What stages tell of themselves with is not
// counted: it knows nothing of what they do.
func TestStagesNeedFewPackages(t *testing.T) {
	all := needs(t)
	for stage, most := range map[string]int{"perframe": 14, "picture": 15, "eventsink": 9} {
		needed := slices.DeleteFunc(all["transforms/"+stage], func(p string) bool { return p == "tracing" || p == "transforms/counters" })
		if len(needed) > most {
			t.Errorf("%s needs %d packages, at most %d:\n%s", stage, len(needed), most, strings.Join(needed, "\n"))
		}
	}
}
