package launch

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// flinkCounting returns how the counters of a job on Flink are asked for. Its job server
// has none of a job that runs (Beam's JobInvocation says those of its result, which comes when the
// job has ended), but the runner makes metrics of Flink's of them as each bundle ends, and Flink's
// REST interface says those, up to ten seconds late (metrics.fetcher.update-interval).
func flinkCounting(s *submission) counting {
	if *flinkREST == "" {
		return s.metrics
	}
	f := &flinkCounters{cluster: flinkCluster{strings.TrimRight(*flinkREST, "/")}, job: s.id, before: tally{}, last: tally{}}
	return func(ctx context.Context) (tally, error) {
		if c, err := s.metrics(ctx); err == nil && len(c) > 0 {
			return f.grown(c), nil // it has ended
		}
		return f.ask(ctx)
	}
}

// flinkCounters are the counters of one job.
type flinkCounters struct {
	cluster flinkCluster
	job     string // by the job server's name

	mu           sync.Mutex
	id           string // by Flink's; "": not known yet
	before, last tally  // what they came to before the job's last restart, and since
}

// flinkNamespaces are those of counters of ours, by what Flink's names of them begin with.
var flinkNamespaces = map[string]string{"framebeam_": "framebeam/", "kafkasource_": "kafkasource/", "archive_": "archive/"}

// beamName is the name of a Beam counter that Flink calls so, "" if it is none of ours. Flink
// puts the operator's name before it, and a dot, and has made other characters of dots in the
// name itself.
func beamName(metric string) string {
	if i := strings.LastIndexByte(metric, '.'); i >= 0 {
		metric = metric[i+1:]
	}
	for begins, namespace := range flinkNamespaces {
		if name, ok := strings.CutPrefix(metric, begins); ok && !strings.HasPrefix(name, "backlog_") { // which goes down, too
			return namespace + name
		}
	}
	return ""
}

func (f *flinkCounters) ask(ctx context.Context) (tally, error) {
	f.mu.Lock()
	id := f.id
	f.mu.Unlock()
	if id == "" {
		var err error
		if id, err = f.cluster.find(ctx, f.job); err != nil || id == "" {
			return nil, err
		}
		f.mu.Lock()
		f.id = id
		f.mu.Unlock()
	}
	now, err := f.cluster.counters(ctx, id)
	if err != nil {
		return nil, err
	}
	all := f.grown(now)
	return all, f.cluster.fate(ctx, id, all)
}

// grown adds what counters came to before Flink restarted the job, which begins with all at
// nothing.
func (f *flinkCounters) grown(now tally) tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := tally{}
	for name, n := range now {
		if n < f.last[name] {
			f.before[name] += f.last[name]
		}
		f.last[name] = n
		all[name] = f.before[name] + n
	}
	for name, n := range f.last { // not counted again yet
		if _, is := now[name]; !is {
			all[name] = f.before[name] + n
		}
	}
	return all
}

// countersAtOnce is how many metrics are asked for at once: their names are in the URL.
const countersAtOnce = 40

// counters are the sums, over all parts of a job, of the metrics that are counters of ours.
func (c flinkCluster) counters(ctx context.Context, id string) (tally, error) {
	var job struct{ Vertices []struct{ ID string } }
	if err := c.do(ctx, http.MethodGet, "/jobs/"+id, nil, &job); err != nil {
		return nil, err
	}
	sum := tally{}
	for _, v := range job.Vertices {
		path := "/jobs/" + id + "/vertices/" + v.ID + "/subtasks/metrics"
		var there []struct{ ID string }
		if err := c.do(ctx, http.MethodGet, path, nil, &there); err != nil {
			return nil, err
		}
		var names []string
		for _, m := range there {
			if beamName(m.ID) != "" {
				names = append(names, url.QueryEscape(m.ID))
			}
		}
		for ; len(names) > 0; names = names[min(countersAtOnce, len(names)):] {
			var values []struct {
				ID  string
				Sum *float64 // absent of what is no number
			}
			get := path + "?agg=sum&get=" + strings.Join(names[:min(countersAtOnce, len(names))], ",")
			if err := c.do(ctx, http.MethodGet, get, nil, &values); err != nil {
				return nil, err
			}
			for _, m := range values {
				if m.Sum != nil {
					sum[beamName(m.ID)] += int64(*m.Sum)
				}
			}
		}
	}
	return sum, nil
}

// fates are metrics of a job of Flink's own, and what they are called here.
var fates = map[string]string{
	"numRestarts": "flink/restarts", "numberOfCompletedCheckpoints": "flink/checkpoints", "numberOfFailedCheckpoints": "flink/failed_checkpoints",
}

// fate adds what has become of a job: Flink counts it for as long as the job is its own.
func (c flinkCluster) fate(ctx context.Context, id string, to tally) error {
	var values []struct{ ID, Value string }
	get := "/jobs/" + id + "/metrics?get=" + strings.Join(slices.Sorted(maps.Keys(fates)), ",")
	if err := c.do(ctx, http.MethodGet, get, nil, &values); err != nil {
		return err
	}
	for _, m := range values {
		if n, err := strconv.ParseInt(m.Value, 10, 64); err == nil {
			to[fates[m.ID]] = n
		}
	}
	return nil
}
