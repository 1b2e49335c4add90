package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	jobpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/jobmanagement_v1"
	"google.golang.org/grpc"
)

// cluster answers as Flink's REST interface does.
func cluster(t *testing.T, answer map[string]string) (flinkCluster, *[]string) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := r.Method + " " + r.URL.RequestURI()
		if len(asked) == 0 || asked[len(asked)-1] != call {
			asked = append(asked, call)
		}
		text, ok := answer[call]
		if !ok {
			http.Error(w, `{"errors":["not found"]}`, http.StatusNotFound)
			return
		}
		if r.Method == http.MethodPost {
			var body map[string]any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body["cancel-job"] != true {
				t.Errorf("%s: body %v, %v", call, body, err)
			}
		}
		fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	return flinkCluster{server.URL}, &asked
}

func TestTheRunningJobIsFound(t *testing.T) {
	c, _ := cluster(t, map[string]string{"GET /jobs/overview": `{"jobs":[
		{"jid":"1","name":"a-root-1123-1","state":"CANCELED"},{"jid":"2","name":"b-root-1123-2","state":"RUNNING"},{"jid":"3","name":"a-root-1123-3","state":"RESTARTING"}]}`})
	for name, want := range map[string]string{"a-root-1123-3_77d0": "3", "b-root-1123-2_0a11": "2", "c-root-1123-2_0a11": "", "b-root-1123-25_0a11": ""} {
		if id, err := c.find(t.Context(), name); id != want || err != nil {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
}

// serverOf says how a job is, as a job server does.
type serverOf struct {
	jobpb.JobServiceClient // what is not asked
	is                     jobpb.JobState_Enum
}

func (s serverOf) GetState(context.Context, *jobpb.GetJobStateRequest, ...grpc.CallOption) (*jobpb.JobStateEvent, error) {
	return &jobpb.JobStateEvent{State: s.is}, nil
}

func TestAJobIsWaitedForUntilItIsOnTheCluster(t *testing.T) {
	looks := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if looks++; looks < 3 {
			fmt.Fprint(w, `{"jobs":[]}`)
			return
		}
		fmt.Fprint(w, `{"jobs":[{"jid":"7","name":"a-root-1","state":"CREATED"}]}`)
	}))
	defer server.Close()
	c := flinkCluster{server.URL}
	for _, x := range []struct {
		name  string
		is    jobpb.JobState_Enum
		id    string
		looks int
	}{
		{"while the job server brings it there", jobpb.JobState_STARTING, "7", 3},
		{"but not when it has failed before", jobpb.JobState_FAILED, "", 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			looks = 0
			id, err := c.arrived(t.Context(), &submission{id: "a-root-1_77d0", client: serverOf{is: x.is}})
			if id != x.id || err != nil || looks != x.looks {
				t.Errorf("%q, %v after %d looks", id, err, looks)
			}
		})
	}
}

func TestAJobThatFlinkDoesNotKnowIsNotTakenForCancelled(t *testing.T) {
	before := arrivalPatience
	arrivalPatience = 3 * poll
	defer func() { arrivalPatience = before }()
	c, _ := cluster(t, map[string]string{"GET /jobs/overview": `{"jobs":[]}`})
	_, err := c.arrived(t.Context(), &submission{id: "a-root-1_77d0", client: serverOf{is: jobpb.JobState_RUNNING}})
	if err == nil || !strings.Contains(err.Error(), c.url+" does not know it") {
		t.Error(err)
	}
}

func TestCancellingWaitsForTheEnd(t *testing.T) {
	c, asked := cluster(t, map[string]string{"PATCH /jobs/7?mode=cancel": "{}", "GET /jobs/7": `{"state":"CANCELED"}`})
	if err := c.cancel(t.Context(), "7"); err != nil || strings.Join(*asked, ", ") != "PATCH /jobs/7?mode=cancel, GET /jobs/7" {
		t.Errorf("%v, %v", asked, err)
	}
	if err := c.cancel(t.Context(), "8"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a job that is not there: %v", err)
	}
}

func TestASavepoint(t *testing.T) {
	for _, c := range []struct{ name, status, path, says string }{
		{"is where Flink says", `{"status":{"id":"COMPLETED"},"operation":{"location":"file:/s/1"}}`, "file:/s/1", ""},
		{"may fail", `{"status":{"id":"COMPLETED"},"operation":{"failure-cause":{"class":"x","stack-trace":"no space\n at"}}}`, "", "no space"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _ := cluster(t, map[string]string{
				"POST /jobs/7/savepoints":  `{"request-id":"r"}`,
				"GET /jobs/7/savepoints/r": c.status,
			})
			path, err := f.savepoint(t.Context(), "7", "file:///s")
			if path != c.path || (err == nil) != (c.says == "") || err != nil && !strings.HasSuffix(err.Error(), c.says) {
				t.Errorf("%q, %v", path, err)
			}
		})
	}
}

func TestAJobThatHasDoneEverythingIsEnded(t *testing.T) {
	looks := 0
	ctx, giveUp := context.WithCancelCause(t.Context())
	defer giveUp(nil)
	defer endWhen(ctx, &submission{}, func(context.Context) (bool, error) {
		looks++
		switch looks {
		case 1:
			return false, nil
		case 2:
			return false, errors.New("the store is away")
		}
		return true, nil
	}, giveUp)()
	<-ctx.Done()
	if context.Cause(ctx) != errDone || looks != 3 {
		t.Errorf("%v after %d looks", context.Cause(ctx), looks)
	}
}

func TestAJobWithAnEndIsNotBegunWhereNobodyCouldStopIt(t *testing.T) {
	before := *flinkREST
	defer func() { *flinkREST = before }()
	c, _ := cluster(t, map[string]string{"GET /jobs/overview": `{"jobs":[]}`})
	for rest, says := range map[string]string{c.url + "/": "", c.url + "/other": "is stopped at --flink-rest", "": "--flink-rest is empty"} {
		*flinkREST = rest
		if err := reachable(t.Context()); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", rest, err)
		}
	}
}

func TestErrorsThatNoRestartMendsAreKnownByTheirText(t *testing.T) {
	for why, want := range map[string]bool{
		"writeFn: commit frames+0+7: generation 1 is superseded by a newer generation, 2":                                   true,
		"writeFn: frames+0+7: keyed state is of generation 1, the job of 2: a savepoint resumes only in its own generation": true,
		"x.parquet: the same frames and configuration gave different results: SHA-256 there is 1, now it is 2":              true,
		"x.parquet: a complete file has rows that the log no longer has: offsets [3]":                                       true,
		"org.apache.flink.util.FlinkException: The TaskExecutor is shutting down.":                                          false,
		"commit frames+0+7: write hdfs://x/y: connection refused":                                                           false,
	} {
		if isHopeless(why) != want {
			t.Errorf("%s: %v", why, !want)
		}
	}
}
