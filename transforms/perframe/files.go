package perframe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/vision/models"
)

// Results depend on the content of the files that parameters name (models,
// cascades), and a job is described on one machine and run on others. So the
// content's SHA-256 is a parameter of its own, part of the analysis' digest in
// place of the path: configured, or filled in where the job is described
// ([Kind].Resolve), where the file must then be. A worker refuses a file of another
// content. Files are read once, whole, by the first Analyse; what was checked is
// what is used.

// pin fills in the digest of the file unless there is one.
func pin(path string, digest *string) error {
	if *digest != "" {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%w (where the file is not on the machine that describes the job, its sha256 must be configured)", err)
	}
	*digest = models.SHA256(b)
	return nil
}

// readPinned reads a file that must have the digest.
func readPinned(path, digest string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a file of an analysis: %w", err)
	}
	if got := models.SHA256(b); got != digest {
		return nil, fmt.Errorf("%s has the SHA-256 %s on this machine, the job is described with %s", path, got, digest)
	}
	return b, nil
}

// pinModel is pin of the file of a model by its name.
func pinModel(name string, digest *string) error {
	path, err := models.Find(name)
	if err != nil {
		return err
	}
	return pin(path, digest)
}

// readModel is readPinned of the file of a model by its name, on whatever machine.
func readModel(name, digest string) ([]byte, error) {
	path, err := models.Find(name)
	if err != nil {
		return nil, err
	}
	return readPinned(path, digest)
}

// checkSHA says what is wrong with a digest that is configured.
func checkSHA(field, digest string) error {
	if b, err := hex.DecodeString(digest); digest != "" && (err != nil || len(b) != sha256.Size || digest != strings.ToLower(digest)) {
		return params.Wrong(field, "%q is not 64 hex digits, in small letters", digest)
	}
	return nil
}
