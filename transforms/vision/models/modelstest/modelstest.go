// Package modelstest finds the models that scripts/deps.sh fetches for tests.
package modelstest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/framebeam/framebeam/transforms/vision/models"
)

// fetched is where scripts/deps.sh puts models, in the project's folder.
const fetched = ".models"

// Path returns the path of a model of the catalogue, and has analyses find it by its name. A
// test that needs one that was not fetched is skipped, and says why.
func Path(t testing.TB, name string) string {
	t.Helper()
	if os.Getenv(models.Env) == "" {
		if dir := above(fetched); dir != "" {
			t.Setenv(models.Env, dir)
		}
	}
	path, err := models.Find(name)
	if err != nil {
		t.Skipf("%v (make deps-test does)", err)
	}
	return path
}

// above is a folder of that name in the working folder or one above it; "" if there is none.
func above(name string) string {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name)
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return ""
}
