package models

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Env is the variable that names the one folder of models, instead of the usual ones.
const Env = "FRAMEBEAM_MODELS"

// Extension is that of a model's file; before it stands its name.
const Extension = ".onnx"

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)

// CheckName says what is wrong with a model's name.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("%q is no name of a model: small letters, digits, and . _ - between them, at most 64", name)
	}
	return nil
}

// CheckReference says what is wrong with how a model is named: by its name, or by a path, which
// has a separator.
func CheckReference(model string) error {
	if strings.ContainsRune(model, filepath.Separator) {
		return nil
	}
	return CheckName(model)
}

// Folders are where models are looked for, in order: the folder that [Env] names, or else
// framebeam/models in the user's and the system's folders of data (XDG Base Directory
// Specification 0.8: ~/.local/share, /usr/local/share, /usr/share). What is fetched goes to the
// first.
func Folders() []string {
	if dir := os.Getenv(Env); dir != "" {
		return []string{dir}
	}
	var all []string
	add := func(dir string) {
		if filepath.IsAbs(dir) { // the specification has others ignored
			all = append(all, filepath.Join(dir, "framebeam", "models"))
		}
	}
	if home := os.Getenv("XDG_DATA_HOME"); home != "" {
		add(home)
	} else if home, err := os.UserHomeDir(); err == nil {
		add(filepath.Join(home, ".local", "share"))
	}
	dirs := os.Getenv("XDG_DATA_DIRS")
	if dirs == "" {
		dirs = "/usr/local/share:/usr/share"
	}
	for _, dir := range filepath.SplitList(dirs) {
		add(dir)
	}
	return all
}

// Missing is a model whose file is not on this machine.
type Missing struct {
	Name    string
	Folders []string
}

func (m *Missing) Error() string {
	how := "framebeam models add puts one of your own there"
	if _, ok := Get(m.Name); ok {
		how = "framebeam models fetch " + m.Name + " gets it"
	}
	return fmt.Sprintf("model %q is not in %s: %s, on each machine that analyses", m.Name, strings.Join(m.Folders, ", "), how)
}

// Find is the path of the file of a model that is named as [CheckReference] says: in the first of
// [Folders] that has it. What lies nowhere is a *[Missing].
func Find(name string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		return name, nil
	}
	if err := CheckName(name); err != nil {
		return "", err
	}
	folders := Folders()
	for _, dir := range folders {
		path := filepath.Join(dir, name+Extension)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", &Missing{name, folders}
}
