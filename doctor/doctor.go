// Package doctor looks whether everything that an installation needs is there and as it should
// be, and says what to do where it is not.
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/framebeam/framebeam/pipelines/launch"
)

// Level is how bad something is.
type Level string

// The levels.
const (
	OK   Level = "ok"
	Warn Level = "warn" // it works, and may not always
	Fail Level = "fail" // it does not work
)

// Finding is what one look found.
type Finding struct {
	Check string `json:"check"` // such as brokers, or topic frames
	Level Level  `json:"level"`
	Found string `json:"found"`        // for people
	Do    string `json:"do,omitempty"` // what to do about it
}

// What is looked at. What is empty is not.
type What struct {
	Brokers    []string
	Connection string // path of a connection file
	Topic      string // of frames
	Events     string // topic of events
	Output     string // folder, a path or scheme://…
	Archive    string
	Cameras    string // file
	Analyses   string // file
	Alerts     string // file
	Engine     launch.Engine
	FlinkREST  string // address of Flink's REST interface, of jobs on Flink
	Worker     string // path of this program on the engine's machines
}

// patience is how long one check may take.
const patience = 20 * time.Second

// check looks at one thing.
type check func(ctx context.Context, w *What) []Finding

// Look makes all checks, at once, and gives what they found in the order in which things
// depend on each other. It changes nothing but for a file in the folders, which it removes.
func Look(ctx context.Context, w What) []Finding {
	checks := []check{program, machine, clock, cameras, analyses, alertRules, brokers, framesTopic, eventsTopic, results, archive, engine}
	found := make([][]Finding, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() {
			own, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			found[i] = c(own, &w)
		})
	}
	wg.Wait()
	var all []Finding
	for _, f := range found {
		all = append(all, f...)
	}
	return all
}

// Failed reports whether something does not work.
func Failed(all []Finding) bool {
	for _, f := range all {
		if f.Level == Fail {
			return true
		}
	}
	return false
}

// Formats in which findings are written.
var Formats = []string{"text", "json", "jsonl"}

// Write writes findings: a line each, with what to do below it; or a JSON array, or an object a
// line.
func Write(w io.Writer, format string, all []Finding) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	switch format {
	case "json":
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	case "jsonl":
		for _, f := range all {
			if err := enc.Encode(f); err != nil {
				return err
			}
		}
		return nil
	}
	count := map[Level]int{}
	for _, f := range all {
		count[f.Level]++
		if _, err := fmt.Fprintf(w, "%-4s  %s: %s\n", f.Level, f.Check, f.Found); err != nil {
			return err
		}
		if f.Do != "" {
			if _, err := fmt.Fprintf(w, "      → %s\n", f.Do); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "%d ok, %d to look at, %d that fail\n", count[OK], count[Warn], count[Fail])
	return err
}

// report collects what one check finds.
type report struct {
	check string
	all   []Finding
}

func (r *report) ok(format string, args ...any) {
	r.all = append(r.all, Finding{r.check, OK, fmt.Sprintf(format, args...), ""})
}

func (r *report) warn(do, format string, args ...any) {
	r.all = append(r.all, Finding{r.check, Warn, fmt.Sprintf(format, args...), do})
}

func (r *report) fail(do, format string, args ...any) {
	r.all = append(r.all, Finding{r.check, Fail, fmt.Sprintf(format, args...), do})
}

// reason is an error in a line, of a check that may have taken too long.
func reason(ctx context.Context, err error) string {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return fmt.Sprintf("no answer within %v", patience)
	}
	return err.Error()
}
