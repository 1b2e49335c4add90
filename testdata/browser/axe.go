package browser

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// axe is the script of axe-core, where scripts/deps.sh puts it below the repository's root.
var axe = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", os.ErrNotExist
		}
		dir = filepath.Dir(dir)
	}
	b, err := os.ReadFile(filepath.Join(dir, ".browser", "axe-core-"+AxeVersion, "axe.min.js"))
	return string(b), err
})

// Accessible fails the test for all that axe-core finds on the page as it is looked at:
// its rules for WCAG 2.2, levels A and AA, and its best practices.
func (p *Page) Accessible() {
	p.t.Helper()
	script, err := axe()
	if err != nil {
		notTested(p.t, "there is no axe-core: %v (make deps-test fetches it)", err)
		return
	}
	type node struct {
		Target  []any  `json:"target"`
		Summary string `json:"failureSummary"`
	}
	type violation struct {
		ID    string `json:"id"`
		Help  string `json:"help"`
		Nodes []node `json:"nodes"`
	}
	if !Eval[bool](p, "typeof axe === 'object'") {
		Eval[bool](p, script+"; typeof axe === 'object'")
	}
	found := Eval[[]violation](p, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations)`)
	for _, v := range found {
		var where strings.Builder
		for i, n := range v.Nodes {
			if i == 5 {
				where.WriteString("\n  …")
				break
			}
			where.WriteString("\n  ")
			for _, t := range n.Target {
				if s, ok := t.(string); ok {
					where.WriteString(s + " ")
				}
			}
			where.WriteString(strings.ReplaceAll(n.Summary, "\n", " "))
		}
		p.t.Errorf("%s: axe-core: %s: %s (%d times)%s", p.url, v.ID, v.Help, len(v.Nodes), where.String())
	}
}
