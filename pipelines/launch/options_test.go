package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEngineOptions(t *testing.T) {
	for _, c := range []struct {
		name, file string
		must       map[string]mustBe
		want       engineOptions
		says       string
	}{
		{name: "are whole numbers, truth values and text", file: "max_bundle_size: 10\nblock: true\nmode: EXACTLY_ONCE\n",
			want: engineOptions{"max_bundle_size": 10, "block": true, "mode": "EXACTLY_ONCE"}},
		{name: "that must be are there though nobody says so", file: "a: 1\n", must: flinkMust,
			want: engineOptions{"a": 1, "finish_bundle_before_checkpointing": true}},
		{name: "that would lose records are refused", file: "a: 1\nfinish_bundle_before_checkpointing: false\n", must: flinkMust,
			says: "options.yaml:2: finish_bundle_before_checkpointing must be true: "},
		{name: "with which jobs on Spark fail are refused", file: "storage_level: MEMORY_AND_DISK\n", must: sparkMust,
			says: "options.yaml:1: storage_level must be MEMORY_ONLY: "},
		{name: "do not say whether a job is streaming", file: "a: 1\nstreaming: true\n", says: "options.yaml:2: streaming is not an option to choose"},
		{name: "may be lists", file: "files_to_stage: [/a.jar, /b.jar]\n", want: engineOptions{"files_to_stage": []any{"/a.jar", "/b.jar"}}},
		{name: "have no structure", file: "b: {c: d}\n", says: "options.yaml:1: b: is a mapping, not a string"},
		{name: "have no structure in lists", file: "a: [[1]]\n", says: "options.yaml:1: a: is a list, not a string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("options.yaml", []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := loadOptions("options.yaml", nil, c.must)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v, want %q", err, c.says)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

func TestThePresetsAreOptions(t *testing.T) {
	for _, runner := range []Engine{Flink, Spark} {
		if o, err := runner.options(); err != nil || len(o) == 0 {
			t.Errorf("%s: %v, %v", runner.Name, o, err)
		}
	}
	if _, err := loadOptions(filepath.Join(t.TempDir(), "none.yaml"), nil, nil); err == nil {
		t.Error("a file that is not there was read")
	}
}
