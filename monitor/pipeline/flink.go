package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// cluster is what Flink says of its jobs, those that have not ended before the others, the newest
// of each first.
type cluster struct {
	Jobs []flinkJob `json:"jobs"`
}

type flinkJob struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	State    string     `json:"state"`
	Started  time.Time  `json:"started"`
	Ended    *time.Time `json:"ended"`
	Restarts *int64     `json:"restarts"`
	// Of the checkpoints.
	Completed  int64       `json:"checkpoints_completed"`
	Failed     int64       `json:"checkpoints_failed"`
	InProgress int64       `json:"checkpoints_in_progress"`
	Last       *checkpoint `json:"last_checkpoint"`
	LastFailed string      `json:"last_failed_checkpoint,omitempty"`
	// Failures are why it was restarted, the newest first.
	Failures []failure `json:"failures"`
}

type checkpoint struct {
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Bytes   int64     `json:"bytes"`
}

type failure struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

const (
	mostJobs   = 10
	mostAnswer = 4 << 20
)

// askFlink asks a cluster's REST interface (Flink 1.16 to 2.0).
func askFlink(ctx context.Context, address string) (*cluster, error) {
	f := &flinkREST{strings.TrimRight(address, "/")}
	type job struct {
		JID, Name, State string
		Start            int64 `json:"start-time"`
		End              int64 `json:"end-time"` // -1: it has none
	}
	var all struct{ Jobs []job }
	if err := f.get(ctx, "/jobs/overview", &all); err != nil {
		return nil, err
	}
	// They come in no order.
	known := slices.DeleteFunc(all.Jobs, func(j job) bool { return !jobID.MatchString(j.JID) })
	slices.SortFunc(known, func(a, b job) int {
		return cmp.Or(cmp.Compare(min(a.End, 1), min(b.End, 1)), cmp.Compare(b.Start, a.Start), strings.Compare(a.JID, b.JID))
	})
	c := &cluster{Jobs: []flinkJob{}}
	for _, j := range known[:min(len(known), mostJobs)] {
		one := flinkJob{ID: j.JID, Name: j.Name, State: j.State, Started: time.UnixMilli(j.Start), Failures: []failure{}}
		if j.End > 0 {
			end := time.UnixMilli(j.End)
			one.Ended = &end
		}
		if err := f.describe(ctx, &one); err != nil {
			return nil, err
		}
		c.Jobs = append(c.Jobs, one)
	}
	return c, nil
}

// jobID is what Flink's ids are: they become a part of addresses.
var jobID = regexp.MustCompile(`^[0-9a-f]{32}$`)

type flinkREST struct{ address string }

func (f *flinkREST) describe(ctx context.Context, j *flinkJob) error {
	var points struct {
		Counts struct {
			Completed  int64 `json:"completed"`
			Failed     int64 `json:"failed"`
			InProgress int64 `json:"in_progress"`
		}
		Latest struct {
			Completed *struct {
				Trigger int64 `json:"trigger_timestamp"`
				Took    int64 `json:"end_to_end_duration"`
				Size    int64 `json:"state_size"`
			}
			Failed *struct {
				Why string `json:"failure_message"`
			}
		}
	}
	if err := f.get(ctx, "/jobs/"+j.ID+"/checkpoints", &points); err != nil && !errors.Is(err, errNone) {
		return err
	}
	j.Completed, j.Failed, j.InProgress = points.Counts.Completed, points.Counts.Failed, points.Counts.InProgress
	if l := points.Latest.Completed; l != nil {
		j.Last = &checkpoint{time.UnixMilli(l.Trigger), float64(l.Took) / 1000, l.Size}
	}
	if l := points.Latest.Failed; l != nil {
		j.LastFailed = first(l.Why)
	}
	var metrics []struct{ ID, Value string }
	if err := f.get(ctx, "/jobs/"+j.ID+"/metrics?get=numRestarts", &metrics); err != nil && !errors.Is(err, errNone) {
		return err
	}
	for _, m := range metrics {
		var n int64
		if _, err := fmt.Sscan(m.Value, &n); err == nil && m.ID == "numRestarts" {
			j.Restarts = &n
		}
	}
	var failed struct {
		History struct {
			Entries []struct {
				Name, Stacktrace string
				Timestamp        int64
			}
		} `json:"exceptionHistory"`
	}
	if err := f.get(ctx, "/jobs/"+j.ID+"/exceptions?maxExceptions=5", &failed); err != nil && !errors.Is(err, errNone) {
		return err
	}
	for _, e := range failed.History.Entries {
		if len(j.Failures) < 5 {
			j.Failures = append(j.Failures, failure{time.UnixMilli(e.Timestamp), first(e.Stacktrace)})
		}
	}
	return nil
}

// first is a text's first line, which says what went wrong.
func first(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return printable([]byte(line), 500)
}

// errNone says that Flink knows no such thing, for example of a job that has just ended.
var errNone = errors.New("there is no such thing")

// flinkClient follows no redirection: another address is another server.
var flinkClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (f *flinkREST) get(ctx context.Context, path string, v any) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.address+path, http.NoBody)
	if err != nil {
		return err
	}
	res, err := flinkClient.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("ask Flink at %s: %w", f.address, err)
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode == http.StatusNotFound {
		return errNone
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	return named("ask Flink at "+f.address+path, err)
}
