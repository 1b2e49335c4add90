package prometheus

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/framebeam/framebeam/cli" // every metric of the program
	"github.com/framebeam/framebeam/metrics"
	_ "github.com/framebeam/framebeam/reload"
)

// foreign are metrics of Prometheus itself and of its library.
var foreign = []string{"up", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds"}

// functions and keywords that expressions here have.
var words = []string{
	"sum", "count", "rate", "increase", "deriv", "predict_linear", "changes", "time", "histogram_quantile", "label_values", "and", "by", "on",
}

var (
	selected = regexp.MustCompile(`([a-z_][a-z0-9_:]*)(\{[^}]*\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"[^"]*"`)
	grouping = regexp.MustCompile(`\bby \(([^)]*)\)`)
	ranges   = regexp.MustCompile(`\[[^\]]*\]`)
)

// check says what is wrong with an expression: metrics that there are not, and labels that they
// do not have.
func check(expr string) (wrong []string) {
	families := map[string]*metrics.Family{}
	for _, f := range metrics.Defined() {
		families[f.Name] = f
		if f.Kind == metrics.HistogramKind {
			b := *f
			b.Labels = append(slices.Clone(f.Labels), "le")
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				families[f.Name+part] = &b
			}
		}
	}
	known := map[string]bool{"job": true, "instance": true}
	bare := ranges.ReplaceAllString(expr, "")
	var groups []string
	for _, g := range grouping.FindAllStringSubmatch(bare, -1) {
		groups = append(groups, strings.FieldsFunc(g[1], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	bare = grouping.ReplaceAllString(bare, "")
	found := 0
	for _, m := range selected.FindAllStringSubmatch(bare, -1) {
		name, of := m[1], m[2]
		f := families[name]
		switch {
		case f != nil:
			found++
			for _, l := range f.Labels {
				known[l] = true
			}
			for _, l := range matcher.FindAllStringSubmatch(of, -1) {
				if !slices.Contains(append(f.Labels, "job", "instance"), l[1]) {
					wrong = append(wrong, name+" has no label "+l[1])
				}
			}
		case slices.Contains(foreign, name):
			found++
		case !slices.Contains(words, name) && !slices.Contains(metricLabels(bare), name):
			wrong = append(wrong, "there is no metric "+name)
		}
	}
	for _, g := range groups {
		if !known[g] {
			wrong = append(wrong, "nothing has the label "+g)
		}
	}
	if found == 0 {
		wrong = append(wrong, "it names no metric")
	}
	return wrong
}

// metricLabels are the words of label_values(metric, label) that are labels.
func metricLabels(expr string) []string {
	if in, ok := strings.CutPrefix(expr, "label_values("); ok {
		_, label, _ := strings.Cut(strings.TrimSuffix(in, ")"), ", ")
		return []string{label}
	}
	return nil
}

func TestExpressionsAreChecked(t *testing.T) {
	for expr, want := range map[string]string{
		`sum by (camera) (rate(framebeam_camera_frames_sent_total{camera=~"$camera"}[5m])) > 0`:    "",
		`sum by (colour) (framebeam_camera_up)`:                                                    "nothing has the label colour",
		`framebeam_camera_up{colour="red"} == 0`:                                                   "framebeam_camera_up has no label colour",
		`framebeam_camera_down == 0`:                                                               "there is no metric framebeam_camera_down\nit names no metric",
		`histogram_quantile(0.95, sum by (le) (rate(framebeam_camera_encode_seconds_bucket[5m])))`: "",
	} {
		if got := strings.Join(check(expr), "\n"); got != want {
			t.Errorf("%s: %s", expr, got)
		}
	}
}

func TestEveryExpressionOfTheDashboardNamesMetricsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
		Templating struct{ List []struct{ Query any } }
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q: %+v", p.ID, p.Title, p)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			for _, wrong := range check(target.Expr) {
				t.Errorf("panel %q: %s: %s", p.Title, target.Expr, wrong)
			}
		}
	}
	for _, v := range board.Templating.List {
		if q, ok := v.Query.(map[string]any); ok {
			for _, wrong := range check(q["query"].(string)) {
				t.Errorf("variable: %v: %s", q, wrong)
			}
		}
	}
}

func TestEveryRuleNamesMetricsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("framebeam.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`(?m)^ +expr: (.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(rules) < 10 {
		t.Fatal(rules)
	}
	tests, err := os.ReadFile("framebeam.rules.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		for _, wrong := range check(r[1]) {
			t.Errorf("%s: %s", r[1], wrong)
		}
	}
	for _, name := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(string(tests), "alertname: "+name[1]+"\n") {
			t.Errorf("%s is not seen to fire", name[1])
		}
	}
	for _, s := range regexp.MustCompile(`series: '([^']*)'`).FindAllStringSubmatch(string(tests), -1) {
		for _, wrong := range check(s[1]) {
			t.Errorf("test: %s: %s", s[1], wrong)
		}
	}
}
