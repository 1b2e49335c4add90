package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/framebeam/framebeam/alerts/config"
	"github.com/framebeam/framebeam/alerts/message"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// receiver is whoever is told, and remembers it.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	ids    []string // in the order in which they came, repeats too
	texts  []string
	answer func(id string) int // the status; nil: 204
	hit    chan struct{}       // has a value whenever something came
}

func receive(t *testing.T, answer func(id string) int) *receiver {
	t.Helper()
	r := &receiver{answer: answer, hit: make(chan struct{}, 1000)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var got struct {
		ID   string
		Data struct{ Text string }
	}
	if err := json.NewDecoder(req.Body).Decode(&got); err != nil || req.Header.Get("webhook-id") != got.ID {
		http.Error(w, "what is that?", http.StatusBadRequest)
		return
	}
	code := http.StatusNoContent
	if r.answer != nil {
		code = r.answer(got.ID)
	}
	if code < 300 {
		r.mu.Lock()
		r.ids, r.texts = append(r.ids, got.ID), append(r.texts, got.Data.Text)
		r.mu.Unlock()
	}
	w.WriteHeader(code)
	select {
	case r.hit <- struct{}{}:
	default:
	}
}

// got are the ids that came.
func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ids)
}

// eventually waits until one of the conditions holds.
func eventually(t *testing.T, what string, conditions ...func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !slices.ContainsFunc(conditions, func(ok func() bool) bool { return ok() }) {
		select {
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		case <-tick.C:
		}
	}
}

var begin = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// event is that of a camera, so many seconds after the beginning.
func event(n int, camera string, second int) eventsink.Event {
	return eventsink.Event{
		Event:  result.Event{ID: fmt.Sprintf("%032x", n), Analysis: "lines", Type: "LineDetector/Crossed", Rule: "door", Label: "person"},
		Camera: camera, Topic: "frames", Offset: int64(n), Captured: begin.Add(time.Duration(second) * time.Second),
	}
}

func publish(t testing.TB, b *broker.Broker, partition int32, events ...eventsink.Event) {
	t.Helper()
	var recs []frame.Record
	for _, e := range events {
		rec, err := e.Record()
		if err != nil {
			t.Fatal(err)
		}
		recs = append(recs, rec)
	}
	if _, err := b.Append(context.Background(), "events", partition, recs...); err != nil {
		t.Fatal(err)
	}
}

func cluster(t *testing.T, partitions int32) *broker.Broker {
	return brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "events", Partitions: partitions}}})
}

// parse makes a configuration of a text.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse(filepath.Join(t.TempDir(), "alerts.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cfg.Close() })
	return cfg
}

// hooks are rules for targets with these addresses, called a, b and so on.
func hooks(rule string, urls ...string) string {
	var b strings.Builder
	b.WriteString("targets:\n")
	var names []string
	for i, u := range urls {
		name := string(rune('a' + i))
		names = append(names, name)
		fmt.Fprintf(&b, "  - {name: %s, webhook: {url: %q, timeout: 1s}}\n", name, u)
	}
	fmt.Fprintf(&b, "rules:\n  - {name: all, targets: [%s]%s}\n", strings.Join(names, ", "), rule)
	return b.String()
}

// start runs an engine until the function is called.
func start(t *testing.T, o Options) (e *Engine, stop func()) {
	t.Helper()
	if o.Topic == "" {
		o.Topic = "events"
	}
	o.Say = t.Logf
	e = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() { done <- e.Run(ctx); close(ended) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	eventually(t, "the engine is ready", func() bool {
		select {
		case <-ended:
			t.Fatal("it has ended")
		default:
		}
		return e.Ready()
	})
	return e, stop
}

func status(e *Engine, target string) Status {
	for _, s := range e.Status() {
		if s.Target == target {
			return s
		}
	}
	return Status{}
}

// ids are those of events.
func ids(numbers ...int) []string {
	var all []string
	for _, n := range numbers {
		all = append(all, fmt.Sprintf("%032x", n))
	}
	return all
}

func TestEventsAreToldOnceInTheirOrderAlsoIfTheyAreRepeated(t *testing.T) {
	b, r := cluster(t, 1), receive(t, nil)
	dir := t.TempDir()
	opts := Options{Config: parse(t, hooks("", r.URL)), Brokers: b.Addrs(), State: dir}
	e, stop := start(t, opts)
	publish(t, b, 0, event(1, "gate", 0), event(2, "yard", 1), event(1, "gate", 0))
	eventually(t, "all are told", func() bool { return len(r.got()) == 2 && status(e, "a").Behind == 0 })
	stop()
	publish(t, b, 0, event(2, "yard", 1), event(3, "gate", 2))
	e, stop = start(t, opts)
	eventually(t, "the third is told", func() bool { return len(r.got()) >= 3 && status(e, "a").Behind == 0 })
	stop()
	if got := r.got(); !slices.Equal(got, ids(1, 2, 3)) {
		t.Error(got)
	}
	if s := status(e, "a"); s.Repeated != 1 || s.Told != 1 || s.Dead != 0 {
		t.Errorf("%+v", s)
	}
}

func TestATargetBeginsWithWhatComesFromThenOn(t *testing.T) {
	b, r := cluster(t, 1), receive(t, nil)
	publish(t, b, 0, event(1, "gate", 0))
	opts := Options{Config: parse(t, hooks("", r.URL)), Brokers: b.Addrs(), State: t.TempDir()}
	_, stop := start(t, opts)
	stop()
	publish(t, b, 0, event(2, "gate", 1)) // while nobody tells
	start(t, opts)
	eventually(t, "the second is told", func() bool { return len(r.got()) > 0 })
	if got := r.got(); !slices.Equal(got, ids(2)) {
		t.Error(got)
	}
}

func TestNothingIsLostWhileAReceiverIsAwayAndOthersAreToldMeanwhile(t *testing.T) {
	b := cluster(t, 2)
	away := make(chan struct{})
	down := receive(t, func(string) int {
		select {
		case <-away:
			return http.StatusNoContent
		default:
			return http.StatusServiceUnavailable
		}
	})
	up := receive(t, nil)
	opts := Options{Config: parse(t, hooks("", down.URL, up.URL)), Brokers: b.Addrs(), State: t.TempDir(), From: Earliest}
	var want []string
	for round := range 3 { // the process restarts in between
		e, stop := start(t, opts)
		for n := range 10 {
			i := 100*round + n
			publish(t, b, int32(n%2), event(i, fmt.Sprintf("c%d", n%2), i))
			want = append(want, fmt.Sprintf("%032x", i))
		}
		eventually(t, "the other is told", func() bool { return len(up.got()) == len(want) })
		eventually(t, "it is said that one fails", func() bool { return status(e, "a").Failing != "" && status(e, "a").Behind == int64(len(want)) })
		stop()
	}
	if len(down.got()) > 0 {
		t.Fatal(down.got())
	}
	close(away)
	e, _ := start(t, opts)
	eventually(t, "all are told", func() bool { return len(down.got()) == len(want) && status(e, "a").Behind == 0 })
	got := down.got()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Error(got)
	}
	if s := status(e, "a"); s.Failing != "" {
		t.Error(s.Failing)
	}
}

func TestWhatIsNeverTakenIsADeadLetterAndTheNextIsTold(t *testing.T) {
	b := cluster(t, 1)
	r := receive(t, func(id string) int {
		if id == ids(2)[0] {
			return http.StatusUnprocessableEntity
		}
		return http.StatusOK
	})
	dir := t.TempDir()
	e, _ := start(t, Options{Config: parse(t, hooks("", r.URL)), Brokers: b.Addrs(), State: dir})
	publish(t, b, 0, event(1, "gate", 0), event(2, "gate", 1), event(3, "gate", 2))
	if _, err := b.Append(t.Context(), "events", 0, frame.Record{Key: []byte("gate"), Value: []byte("{"), Headers: []frame.Header{
		{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_type", Value: []byte(eventsink.EventType)},
		{Key: "content-type", Value: []byte("application/json")}, {Key: "ce_id", Value: []byte("damaged")},
	}}, frame.Record{Key: []byte("gate"), Value: []byte("of somebody else")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are told", func() bool { return len(r.got()) == 2 && status(e, "a").Behind == 0 })
	if s := status(e, "a"); s.Told != 2 || s.Dead != 1 || s.Unreadable != 1 || s.Failing != "" {
		t.Errorf("%+v", s)
	}
	data, err := os.ReadFile(filepath.Join(dir, DeadLetters))
	if err != nil {
		t.Fatal(err)
	}
	var letters []letter
	for line := range strings.Lines(string(data)) {
		var l letter
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		letters = append(letters, l)
	}
	if len(letters) != 2 || letters[0].ID != ids(2)[0] || !strings.Contains(letters[0].Reason, "422") || letters[0].Offset != 1 ||
		!strings.Contains(string(letters[0].Message), "LineDetector/Crossed") || letters[1].ID != "damaged" || letters[1].Offset != 3 {
		t.Errorf("%s", data)
	}
}

func TestWhatIsHeldBackIsToldWithTheNextOneOrByItself(t *testing.T) {
	b, r := cluster(t, 1), receive(t, nil)
	e, _ := start(t, Options{Config: parse(t, hooks(", quiet: 1m", r.URL)), Brokers: b.Addrs(), State: t.TempDir()})
	publish(t, b, 0, event(1, "gate", 0), event(2, "gate", 10), event(3, "yard", 10), event(4, "gate", 59), event(5, "gate", 60), event(6, "gate", 70))
	// The events are years old, so the summary is due at once.
	eventually(t, "all is told", func() bool { return len(r.got()) == 4 && status(e, "a").Behind == 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.ids[:3], ids(1, 3, 5)) || slices.Contains(ids(6), r.ids[3]) || len(r.ids[3]) != 32 {
		t.Error(r.ids)
	}
	for i, want := range []string{"at 2024-05-01 12:00:00 UTC", "yard: ", "and 2 more since 12:00:10", "gate: 1 more of LineDetector/Crossed door since 12:01:10"} {
		if !strings.Contains(r.texts[i], want) {
			t.Errorf("%q has no %q", r.texts[i], want)
		}
	}
	if s := status(e, "a"); s.Held != 3 {
		t.Errorf("%+v", s)
	}
}

func TestALostLedgerGoesOnWhereKafkaSaysAndAnOldOneTellsNothingTwice(t *testing.T) {
	b, r := cluster(t, 1), receive(t, nil)
	opts := Options{Config: parse(t, hooks(", quiet: 1m", r.URL)), Brokers: b.Addrs(), State: t.TempDir(), From: Earliest}
	publish(t, b, 0, event(1, "gate", 0))
	e, stop := start(t, opts)
	eventually(t, "it is told", func() bool { return len(r.got()) == 1 && status(e, "a").Behind == 0 })
	stop()
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(opts.State)); err != nil {
		t.Fatal(err)
	}
	e, stop = start(t, opts)
	publish(t, b, 0, event(2, "gate", 60), event(3, "yard", 61))
	eventually(t, "they are told", func() bool { return len(r.got()) == 3 && status(e, "a").Behind == 0 })
	stop()

	opts.State = old
	e, stop = start(t, opts)
	publish(t, b, 0, event(4, "gate", 100), event(5, "gate", 120)) // the first in the quiet time of the second
	eventually(t, "the fifth is told", func() bool { return len(r.got()) >= 4 && status(e, "a").Behind == 0 })
	stop()
	if got := r.got(); !slices.Equal(got, ids(1, 2, 3, 5)) {
		t.Error(got)
	}

	opts.State = t.TempDir()
	e, _ = start(t, opts)
	publish(t, b, 0, event(6, "yard", 200))
	eventually(t, "the sixth is told", func() bool { return len(r.got()) >= 5 && status(e, "a").Behind == 0 })
	if got := r.got(); !slices.Equal(got[4:], ids(6)) {
		t.Error(got)
	}
}

func TestWhatRetentionTookIsSaidAndTheRestIsTold(t *testing.T) {
	b, r := cluster(t, 1), receive(t, nil)
	dir := t.TempDir()
	opts := Options{Config: parse(t, hooks("", r.URL)), Brokers: b.Addrs(), State: dir, From: Earliest}
	publish(t, b, 0, event(1, "gate", 0))
	e, stop := start(t, opts)
	eventually(t, "it is told", func() bool { return len(r.got()) == 1 && status(e, "a").Behind == 0 })
	stop()
	publish(t, b, 0, event(2, "gate", 1), event(3, "gate", 2))
	if err := b.DeleteRecords("events", 0, 2); err != nil {
		t.Fatal(err)
	}
	e, stop = start(t, opts)
	eventually(t, "the third is told", func() bool { return len(r.got()) == 2 })
	if s := status(e, "a"); s.Lost != 1 {
		t.Errorf("%+v", s)
	}
	stop()
	if data, err := os.ReadFile(filepath.Join(dir, DeadLetters)); err != nil || !strings.Contains(string(data), "events were lost before they were told") {
		t.Errorf("%v %s", err, data)
	}

	if err := b.Recreate(t.Context(), "events", 0); err != nil {
		t.Fatal(err)
	}
	publish(t, b, 0, event(4, "gate", 3))
	e, _ = start(t, opts)
	eventually(t, "the fourth is told", func() bool { return len(r.got()) == 3 })
	if got := r.got(); !slices.Equal(got, ids(1, 3, 4)) || status(e, "a").Lost != 1 {
		t.Errorf("%v %+v", got, status(e, "a"))
	}
}

func TestBrokersThatAreAwayAreWaitedFor(t *testing.T) {
	b, r := cluster(t, 1), receive(t, nil)
	e, _ := start(t, Options{Config: parse(t, hooks("", r.URL)), Brokers: b.Addrs(), State: t.TempDir()})
	b.Cut(broker.Fetch, 5)
	b.Fail(broker.Fetch, broker.NotLeader, 5)
	b.CutConnections()
	publish(t, b, 0, event(1, "gate", 0))
	eventually(t, "it is told", func() bool { return len(r.got()) == 1 && status(e, "a").Behind == 0 })
}

func TestAFolderIsForOneProcess(t *testing.T) {
	b, r := cluster(t, 1), receive(t, nil)
	opts := Options{Config: parse(t, hooks("", r.URL)), Brokers: b.Addrs(), State: t.TempDir(), Topic: "events"}
	start(t, opts)
	if err := New(opts).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another process tells alerts with this folder") {
		t.Error(err)
	}
}

// pictures gives one for every event.
type pictures struct{}

func (pictures) Picture(_ context.Context, e *eventsink.Event) message.Picture {
	return message.Picture{JPEG: []byte("picture of " + e.ID)}
}

func TestAPictureIsAttachedWhereTheRuleWantsOne(t *testing.T) {
	b := cluster(t, 1)
	got := make(chan string, 2)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var m struct {
			Data struct{ Picture []byte }
		}
		if err := json.NewDecoder(req.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		got <- string(m.Data.Picture)
	}))
	defer s.Close()
	text := fmt.Sprintf(`
targets: [{name: a, webhook: {url: %q}}]
rules:
  - {name: with, cameras: [gate], picture: true, targets: [a]}
  - {name: without, targets: [a]}
`, s.URL)
	_, stop := start(t, Options{Config: parse(t, text), Brokers: b.Addrs(), State: t.TempDir(), Pictures: pictures{}})
	defer stop()
	publish(t, b, 0, event(1, "gate", 0), event(2, "yard", 0))
	if p := <-got; p != "picture of "+ids(1)[0] {
		t.Error(p)
	}
	if p := <-got; p != "" {
		t.Error(p)
	}
}
