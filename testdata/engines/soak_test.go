//go:build engines

package engines

import (
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/testdata/chaos"
	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/testdata/trial"
)

// soakFile is where what a soak measured is kept, unless FRAMEBEAM_SOAK_FILE names
// another; make soak draws it.
const soakFile = "../../docs/soak.csv"

// Of a soak: how often it is measured, and between which bounds the next fault comes.
const (
	soakEvery          = 10 * time.Second
	soonestFault       = 15 * time.Second
	latestFault        = 60 * time.Second
	soakChunk          = 64
	soakCatchesUp      = time.Hour // whatever else the machine does
	filmFPS            = 4
	liveFPS            = 3
	soakPartitions     = 3
	soakTakesCameraOff = 20 * time.Second
)

// A soak: a collector of live cameras (films that are played as such, RTSP, pictures that
// are numbered) and one of files publish, a job on the direct runner and one on Flink
// follow, the page is looked at, and everything is killed, cut off and restarted at random.
// Every few seconds it is noted what everything takes, and at the end nothing is lost and
// nothing doubled, and all results are those of a job over the whole log that nothing had
// ever happened to. Nothing is asked of how long anything takes.
func TestSoak(t *testing.T) {
	asked := os.Getenv("FRAMEBEAM_SOAK")
	if asked == "" {
		t.Skip("a long run: FRAMEBEAM_SOAK says how long (make soak DURATION=60m)")
	}
	duration, err := time.ParseDuration(asked)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(chaosSeed)
	if v := os.Getenv("FRAMEBEAM_CHAOS_SEED"); v != "" {
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	flink := onFlink(t)
	from, dir := topic(t, soakPartitions), t.TempDir()
	s := &soak{
		chaosRun: chaosRun{
			t: t, dice: rand.New(rand.NewPCG(seed, seed)), counts: map[string]int{}, jobs: map[string]*job{}, args: map[string][][]string{},
		},
		topic: from, out: filepath.Join(dir, "out"), far: newFolder(t, "out"),
	}
	t.Cleanup(func() { cancelAll(t) })
	films := s.files(dir, duration)
	s.begin("films", fromKafka(from), []string{"--config=" + films})
	cameras := s.cameras(dir)
	s.begin("live", fromKafka(from), []string{"--config=" + cameras})
	chunk := []string{fmt.Sprintf("--chunk=%d", soakChunk)}
	s.begin("direct", direct(t), fromKafka(from), chunk, []string{"--output=" + s.out})
	s.begin("flink", flink, fromKafka(from), chunk, []string{"--output=" + s.far})
	eventually(t, "the job has begun its output", func() bool { return filesIn(s.out) > 0 })
	s.begin("monitor", fromKafka(from), []string{"--output=" + s.out, "--cameras=" + cameras, "--listen=127.0.0.1:0"})
	url := pageURL(t, s.jobs["monitor"])
	s.args["monitor"] = append(s.args["monitor"], []string{pageAgain(url)})
	s.browsers = look(t, url)
	s.last(duration)

	// Everything comes up once more, and to its end.
	s.heal()
	s.revive()
	s.finishWithin("films", soakCatchesUp)
	for _, name := range []string{"monitor", "live", "direct", "flink"} {
		s.jobs[name].cmd.Process.Signal(os.Interrupt)
		s.finishWithin(name, soakCatchesUp)
	}
	for _, out := range []string{s.out, s.far} {
		s.begin("analyze", direct(t), fromKafka(from), chunk, []string{"--output=" + out, "--until=now"})
		s.finishWithin("analyze", soakCatchesUp)
	}
	s.note("")

	calm := from + "-calm"
	topicNamed(t, calm, 1)
	if err := os.Mkdir(filepath.Join(dir, "calm"), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(films)
	if err != nil {
		t.Fatal(err)
	}
	s.begin("films", fromKafka(calm), []string{"--config=" + writeFile(t, filepath.Join(dir, "calm", "cameras.yaml"), string(text))})
	s.finishWithin("films", soakCatchesUp)
	v := chaos.Judge(chaos.Evidence{
		Log: records(t, stack.Brokers(), from), Rows: trial.Rows(t, s.out), Films: records(t, stack.Brokers(), calm),
		Live:     func(camera string) bool { return strings.HasPrefix(camera, "live-") },
		Numbered: func(camera string) bool { return strings.HasPrefix(camera, "live-numbered") },
	})
	for _, fault := range v.Faults[:min(50, len(v.Faults))] {
		t.Error(fault)
	}
	batch := filepath.Join(dir, "batch")
	s.begin("analyze", direct(t), fromKafka(from), chunk, []string{"--output=" + batch, "--until=now"})
	s.finishWithin("analyze", soakCatchesUp)
	want := trial.Tree(t, batch)
	trial.SameTree(t, "analysed as it came, on the direct runner", want, trial.Tree(t, s.out))
	trial.SameTree(t, "analysed as it came, on Flink", want, trial.Tree(t, s.far))

	t.Logf("seed %d, %v: %v", seed, duration, v)
	t.Logf("the page was asked %d times, and did not answer %d times", s.browsers.asked.Load(), s.browsers.failed.Load())
	s.browsers.mu.Lock()
	defer s.browsers.mu.Unlock()
	for _, why := range slices.Sorted(maps.Keys(s.browsers.why)) {
		t.Logf("%5d: %s", s.browsers.why[why], why)
	}
	for _, what := range slices.Sorted(maps.Keys(s.counts)) {
		t.Logf("%5d %s", s.counts[what], what)
	}
}

// soak is a run of chaos that is measured.
type soak struct {
	chaosRun
	topic    string
	out, far string // outputs of the jobs on the direct runner and on Flink
	rtsp     []*rtspCamera
	numbered interface{ CloseClientConnections() }
	browsers *browsers

	began time.Time
	rows  *csv.Writer
	ends  int64 // of the log, as it was known last
}

// files is the configuration of a collector of files that lasts as long as the run: their
// capture times lie half an hour ahead, so that they are published at their own speed.
func (s *soak) files(dir string, duration time.Duration) string {
	s.t.Helper()
	frames := int(duration.Seconds()) * filmFPS
	clips := filepath.Join(dir, "clips")
	writeClips(s.t, clips, frames)
	start := time.Now().Add(30 * time.Minute).UTC().Format(time.RFC3339)
	text := fmt.Sprintf("defaults: {resize: native}\ncameras:\n  - {id: clips, source: '%s', start: %s}\n"+
		"  - {id: scene, source: 'scene:seed=3&size=96x64&frames=%d&fps=%d', start: %s}\n", clips, start, frames, filmFPS, start)
	for _, of := range []string{"films", "live"} {
		if err := os.Mkdir(filepath.Join(dir, of), 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	return writeFile(s.t, filepath.Join(dir, "films", "cameras.yaml"), text)
}

// cameras is the configuration of a collector of live cameras.
func (s *soak) cameras(dir string) string {
	s.t.Helper()
	text := fmt.Sprintf("defaults: {resize: 160x120, max_fps: %d, open_timeout: 10s, read_timeout: 5s}\ncameras:\n", liveFPS)
	for i, name := range []string{"vtest.avi", "Megamind.avi"} {
		film, err := samples.Path(name)
		if err != nil {
			s.t.Fatal(err)
		}
		text += fmt.Sprintf("  - {id: live-film-%d, source: '%s', pace: real, start: now, loop: true}\n", i, film)
	}
	for i := range 2 {
		c := startRTSP(s.t)
		s.rtsp = append(s.rtsp, c)
		text += fmt.Sprintf("  - {id: live-rtsp-%d, source: '%s'}\n", i, c.url)
	}
	server := chaos.Serve(s.t, 200*time.Millisecond)
	s.numbered = server
	text += fmt.Sprintf("  - {id: live-numbered, source: '%s/stream', resize: native, max_fps: 100}\n", server.URL)
	return writeFile(s.t, filepath.Join(dir, "live", "cameras.yaml"), text)
}

// last lasts so long: it measures, and lets things happen.
func (s *soak) last(duration time.Duration) {
	s.t.Helper()
	path := os.Getenv("FRAMEBEAM_SOAK_FILE")
	if path == "" {
		path = soakFile
	}
	f, err := os.Create(path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { f.Close() })
	s.rows, s.began = csv.NewWriter(f), time.Now()
	s.rows.Write(append([]string{"seconds", "fault"}, measures()...))
	faults := map[string]func() bool{
		"live killed":        func() bool { return s.killRunning("live") },
		"films killed":       func() bool { return s.killRunning("films") },
		"direct killed":      func() bool { return s.killRunning("direct") },
		"monitor killed":     func() bool { return s.killRunning("monitor") },
		"flink job anew":     s.flinkAnew,
		"taskmanager killed": s.killTaskManager,
		"kafka killed":       s.killSomeBroker,
		"camera off":         s.cameraOff,
		"camera stands":      s.cameraStands,
		"connection cut":     func() bool { s.numbered.CloseClientConnections(); return true },
	}
	names := slices.Sorted(maps.Keys(faults))
	first := s.dice.Perm(len(names)) // each once, whatever the dice say
	over := time.After(duration)
	tick := time.NewTicker(soakEvery)
	defer tick.Stop()
	pause := func() time.Duration {
		return soonestFault + time.Duration(s.dice.Int64N(int64(latestFault-soonestFault)))
	}
	next := time.After(soonestFault)
	for n := 0; ; {
		select {
		case <-over:
			return
		case <-tick.C:
			s.note(s.revive())
		case <-next:
			name := names[s.dice.IntN(len(names))]
			if n < len(first) {
				name = names[first[n]]
			}
			n++
			if faults[name]() {
				if !strings.Contains(name, "killed") || name == "taskmanager killed" {
					s.counts[name]++
				}
				s.note(name)
			}
			next = time.After(pause())
		}
	}
}

// revive starts what has ended by itself again, as a service manager does, and says what.
// That something ended is told at the end: it is a fault, though none of the results.
func (s *soak) revive() (fault string) {
	s.t.Helper()
	for _, name := range []string{"live", "films", "direct", "flink", "monitor"} {
		j := s.jobs[name]
		select {
		case <-j.done:
		default:
			continue
		}
		if code := j.cmd.ProcessState.ExitCode(); code == 0 && name == "films" {
			continue // they are over
		}
		fault = name + " ended by itself"
		s.counts[fault]++
		s.t.Logf("%s:\n%s", fault, tail(j.output()))
		s.again(name)
	}
	return fault
}

// killSomeBroker kills one unless another is on its way up.
func (s *soak) killSomeBroker() bool {
	before := s.counts["kafka killed"]
	s.killBroker()
	return s.counts["kafka killed"] > before
}

// killRunning kills what has not ended by itself since it was looked at last.
func (s *soak) killRunning(name string) bool {
	select {
	case <-s.jobs[name].done:
		return false
	default:
		s.kill(name)
		return true
	}
}

// flinkAnew ends the job on Flink as a user does, and submits it again.
func (s *soak) flinkAnew() bool {
	j := s.jobs["flink"]
	select {
	case <-j.done:
		return false
	default:
	}
	j.cmd.Process.Signal(os.Interrupt)
	s.finishWithin("flink", soakCatchesUp)
	s.again("flink")
	return true
}

// killTaskManager kills one, and waits until it is back: Flink starts the job again from
// its checkpoint meanwhile.
func (s *soak) killTaskManager() bool {
	name := fmt.Sprintf("taskmanager-%d", 1+s.dice.IntN(2))
	if err := stack.Kill(name); err != nil {
		s.t.Fatal(err)
	}
	if err := stack.Start(context.Background(), name); err != nil {
		s.t.Fatal(err)
	}
	return true
}

// cameraOff switches an RTSP camera off for a while.
func (s *soak) cameraOff() bool {
	return s.rtsp[s.dice.IntN(len(s.rtsp))].off(soakTakesCameraOff)
}

// cameraStands lets one stand still, with its connections open.
func (s *soak) cameraStands() bool {
	return s.rtsp[s.dice.IntN(len(s.rtsp))].stands(soakTakesCameraOff)
}

// finishWithin waits for a good end.
func (s *soak) finishWithin(name string, limit time.Duration) {
	s.t.Helper()
	j := s.jobs[name]
	if code := j.waitFor(limit); code != 0 {
		s.t.Fatalf("%s: exit code %d\n%s", name, code, tail(j.output()))
	}
}
