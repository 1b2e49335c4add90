// Package secret reads secrets from files and the environment, when they are used: so they may
// be changed while a program runs, and lie in no configuration.
package secret

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Ref says where a secret is: in a file or in a variable of the environment. The zero value is
// none.
type Ref struct{ File, Env string }

// IsZero reports whether there is none.
func (r Ref) IsZero() bool { return r == Ref{} }

// maxFile bounds a secret's file.
const maxFile = 64 << 10

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Lines returns the secrets, one for each line. An error repeats nothing of them.
func (r Ref) Lines() ([]string, error) {
	text, err := r.text()
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSuffix(line, "\r"); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s is empty", r)
	}
	return lines, nil
}

// One returns the one secret there is.
func (r Ref) One() (string, error) {
	lines, err := r.Lines()
	if err == nil && len(lines) > 1 {
		err = fmt.Errorf("%s holds more than one line", r)
	}
	if err != nil {
		return "", err
	}
	return lines[0], nil
}

func (r Ref) text() (string, error) {
	switch {
	case r.File != "" && r.Env != "":
		return "", errors.New("both a file and a variable are named: use one")
	case r.File != "":
		info, err := os.Stat(r.File)
		if err != nil {
			return "", err
		}
		if !info.Mode().IsRegular() || info.Size() > maxFile {
			return "", fmt.Errorf("%s is no file of a few lines", r.File)
		}
		data, err := os.ReadFile(r.File)
		return string(data), err
	case !variable.MatchString(r.Env):
		// What stands there may be the secret itself.
		return "", errors.New("that is not the name of an environment variable, such as SMTP_PASSWORD")
	}
	text, ok := os.LookupEnv(r.Env)
	if !ok {
		return "", fmt.Errorf("%s is not set in the environment", r.Env)
	}
	return text, nil
}

// String names the place.
func (r Ref) String() string {
	if r.File != "" {
		return r.File
	}
	return "the variable " + r.Env
}
