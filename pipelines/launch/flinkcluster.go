package launch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// arrivalPatience is for how long a job is looked for on the cluster.
var arrivalPatience = cancelPatience

// flinkCluster is a Flink cluster's REST interface
// (https://nightlies.apache.org/flink/flink-docs-release-1.19/docs/ops/rest_api/).
type flinkCluster struct{ url string }

// poll is how often the cluster is asked for the end of something.
const poll = 200 * time.Millisecond

// find returns Flink's id of the running job that a job server calls by its own,
// "" if there is none. That begins with the name under which Flink shows the job:
// a user's name with what tells it from others of that name.
func (c flinkCluster) find(ctx context.Context, id string) (string, error) {
	var all struct {
		Jobs []struct{ JID, Name, State string }
	}
	if err := c.do(ctx, http.MethodGet, "/jobs/overview", nil, &all); err != nil {
		return "", err
	}
	for _, j := range all.Jobs {
		if strings.HasPrefix(id, j.Name+"_") && !ended(j.State) {
			return j.JID, nil
		}
	}
	return "", nil
}

// arrived waits until a job is on the cluster and returns Flink's id of it, "" if it has
// ended. The job server takes seconds to bring it there, and then brings it even if it
// was told to cancel it meanwhile.
//
// If the job server says that the job runs and Flink does not know it for so long, it is
// lost, or Flink is another one.
func (c flinkCluster) arrived(ctx context.Context, s *submission) (id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, arrivalPatience)
	defer cancel()
	asked := false
	err = until(ctx, func() (bool, error) {
		over := s.over(ctx)
		id, err = c.find(ctx, s.id)
		asked = asked || err == nil
		return id != "" || over, err
	})
	if err != nil && ctx.Err() != nil && asked {
		err = fmt.Errorf("the job server says that it runs, and Flink at %s does not know it", c.url)
	}
	return id, err
}

func ended(state string) bool {
	return state == "FINISHED" || state == "CANCELED" || state == "FAILED"
}

// failure is the latest failure of a job and when it was, in milliseconds since
// 1970; 0 if there was none.
func (c flinkCluster) failure(ctx context.Context, id string) (why string, at int64, err error) {
	var all struct {
		History struct {
			Entries []struct {
				Stacktrace string
				Timestamp  int64
			}
		} `json:"exceptionHistory"`
	}
	if err := c.do(ctx, http.MethodGet, "/jobs/"+id+"/exceptions", nil, &all); err != nil {
		return "", 0, err
	}
	for _, e := range all.History.Entries {
		if e.Timestamp > at {
			why, at = ownReason(e.Stacktrace), e.Timestamp
		}
	}
	return why, at, nil
}

// cancel cancels a job and waits until it has ended.
func (c flinkCluster) cancel(ctx context.Context, id string) error {
	if err := c.do(ctx, http.MethodPatch, "/jobs/"+id+"?mode=cancel", nil, nil); err != nil {
		return err
	}
	return c.awaitEnd(ctx, id)
}

// awaitEnd waits until a job has ended.
func (c flinkCluster) awaitEnd(ctx context.Context, id string) error {
	return until(ctx, func() (bool, error) {
		var job struct{ State string }
		err := c.do(ctx, http.MethodGet, "/jobs/"+id, nil, &job)
		return ended(job.State), err
	})
}

// savepoint cancels a job with a savepoint and returns its path.
func (c flinkCluster) savepoint(ctx context.Context, id, dir string) (string, error) {
	body := map[string]any{"cancel-job": true, "target-directory": dir}
	var trigger struct {
		ID string `json:"request-id"`
	}
	if err := c.do(ctx, http.MethodPost, "/jobs/"+id+"/savepoints", body, &trigger); err != nil {
		return "", err
	}
	var path string
	err := until(ctx, func() (bool, error) {
		var s struct {
			Status    struct{ ID string }
			Operation struct {
				Location     string
				FailureCause struct {
					StackTrace string `json:"stack-trace"`
				} `json:"failure-cause"`
			}
		}
		if err := c.do(ctx, http.MethodGet, "/jobs/"+id+"/savepoints/"+trigger.ID, nil, &s); err != nil || s.Status.ID != "COMPLETED" {
			return false, err
		}
		if path = s.Operation.Location; path == "" {
			why, _, _ := strings.Cut(s.Operation.FailureCause.StackTrace, "\n")
			return false, fmt.Errorf("savepoint of job %s: %s", id, why)
		}
		return true, nil
	})
	return path, err
}

func (c flinkCluster) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return fmt.Errorf("flink: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("flink: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	switch {
	case err != nil:
		return fmt.Errorf("flink: %s %s%s: %w", method, c.url, path, err)
	case resp.StatusCode >= 300:
		return fmt.Errorf("flink: %s %s%s: %s: %.300s", method, c.url, path, resp.Status, b)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("flink: %s %s%s: %w", method, c.url, path, err)
	}
	return nil
}

// until asks again and again until there is an answer.
func until(ctx context.Context, ask func() (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if done, err := ask(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("flink does not say that it is done")
		case <-tick.C:
		}
	}
}
