package cli

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/metrics"
	_ "github.com/framebeam/framebeam/reload"
)

// metricsTable is docs/metrics.md's part that is made of the code.
func metricsTable() string {
	var b strings.Builder
	b.WriteString("| metric | kind | labels | what |\n|---|---|---|---|\n")
	for _, f := range metrics.Defined() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Kind, strings.Join(f.Labels, ", "), strings.ReplaceAll(f.Help, "|", "\\|"))
	}
	return b.String()
}

func TestEveryMetricIsDocumented(t *testing.T) {
	const file, begin, end = "../docs/metrics.md", "<!-- begin: all metrics (go test ./cli -run Metric -rewrite) -->\n", "<!-- end -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	had, after, also := strings.Cut(rest, end)
	if !ok || !also {
		t.Fatalf("%s has no place for the table", file)
	}
	want := metricsTable()
	if flag.Lookup("rewrite").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, had); diff != "" {
		t.Errorf("%s is not what the code says (go test ./cli -run Metric -rewrite):\n%s", file, diff)
	}
}
