package hdfsfs

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryVariableThatIsReadIsListedAndDocumented(t *testing.T) {
	named := func(pattern string, files ...string) (names []string) {
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
				names = append(names, string(m[1]))
			}
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	want := slices.Sorted(slices.Values(Variables))
	if diff := cmp.Diff(slices.Sorted(slices.Values(append([]string{"HADOOP_HOME"}, want...))), named(`(?:Getenv|LookupEnv|integer|duration)\("([A-Z0-9_]+)"`, "config.go", "kerberos.go")); diff != "" {
		t.Errorf("read (-listed +read):\n%s", diff)
	}
	if diff := cmp.Diff(want, named(`(?m)^//\t([A-Z0-9_]+) `, "doc.go")); diff != "" {
		t.Errorf("documented (-listed +documented):\n%s", diff)
	}
}
