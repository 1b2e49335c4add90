// Package samples finds the real videos that Debian's opencv-doc brings.
package samples

import (
	"fmt"
	"os"
	"path/filepath"
)

// Folder is where the package opencv-doc puts its sample data. A machine that
// leaves out documentation has it where scripts/deps.sh unpacked it; then
// FRAMEBEAM_SAMPLES names that folder.
const Folder = "/usr/share/doc/opencv-doc/examples/data"

// Path returns the path of a sample such as "vtest.avi", or an error that says
// how to get it.
func Path(name string) (string, error) {
	dir := os.Getenv("FRAMEBEAM_SAMPLES")
	if dir == "" {
		dir = Folder
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("sample video: %w (make deps installs it: Debian's opencv-doc)", err)
	}
	return path, nil
}
