package ingest

import (
	"strings"
	"testing"

	"github.com/framebeam/framebeam/ingest/config"
)

func TestTheConfigurationInTheHelpIsRightAndComplete(t *testing.T) {
	_, example, _ := strings.Cut(help, "lists the cameras:\n")
	example, _, _ = strings.Cut(example, "\nA source is")
	env := func(string) (string, bool) { return "secret", true }
	cfg, err := config.Parse([]byte(example), config.Options{Getenv: env})
	if err != nil || len(cfg.Cameras) != 5 {
		t.Fatal(cfg, err)
	}
	// The error for an unknown field names those that are known.
	_, err = config.Parse([]byte("cameras: [{id: a, source: 0, unknown: 1}]"), config.Options{})
	_, known, _ := strings.Cut(err.Error(), "known: ")
	for _, field := range strings.Split(strings.TrimSuffix(known, ")"), ", ") {
		if !strings.Contains(example, field+": ") {
			t.Errorf("%s is not in the help", field)
		}
	}
}
