//go:build engines

package engines

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/testdata/chaos"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/log"
)

// Of a run of chaos: how long it is and its seed, or those that the environment says.
const (
	chaosTime = time.Minute
	chaosSeed = 7
)

// filmClips are more files than the stage that numbers remembers epochs.
const filmClips = 90

// Collectors of files and of live cameras, brokers, the analysis and the archive are
// killed at random, while the wall clocks of what captures are set back and forth; at
// the end nothing is lost and nothing doubled. FRAMEBEAM_CHAOS=10m runs the long form,
// FRAMEBEAM_CHAOS_SEED another one.
func TestNothingIsLostAndNothingDoubledWhateverIsKilled(t *testing.T) {
	duration, seed := chaosTime, uint64(chaosSeed)
	var err error
	if v := os.Getenv("FRAMEBEAM_CHAOS"); v != "" {
		if duration, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	}
	if v := os.Getenv("FRAMEBEAM_CHAOS_SEED"); v != "" {
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d, %v", seed, duration)
	dir := t.TempDir()
	c := &chaosRun{
		t: t, dice: rand.New(rand.NewPCG(seed, seed)), clock: filepath.Join(dir, "clock"),
		counts: map[string]int{}, jobs: map[string]*job{}, args: map[string][][]string{},
	}
	c.setClock(0)
	t.Setenv("FRAMEBEAM_CLOCK_FILE", c.clock)
	from := topic(t, 3)

	// Files whose capture times lie half an hour ahead are published at their own speed,
	// so that they last as long as the run.
	start := time.Now().Add(30 * time.Minute).UTC().Format(time.RFC3339)
	clips := filepath.Join(dir, "clips")
	writeClips(t, clips, int(duration.Seconds()*8))
	films := fmt.Sprintf("defaults: {resize: native}\ncameras:\n  - {id: clips, source: '%s', start: %s}\n"+
		"  - {id: scene, source: 'scene:seed=3&size=96x64&frames=%d&fps=8', start: %s}\n", clips, start, int(duration.Seconds()*8), start)
	live := "defaults: {resize: native}\ncameras:\n"
	for i := range 2 {
		live += fmt.Sprintf("  - {id: live-%d, source: '%s/stream'}\n", i, chaos.Serve(t, 100*time.Millisecond).URL)
	}
	for _, of := range []string{"films", "live", "calm"} {
		if err := os.Mkdir(filepath.Join(dir, of), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, archived := filepath.Join(dir, "out"), filepath.Join(dir, "archive")
	chunk := []string{"--chunk=64"}
	c.begin("films", fromKafka(from), []string{"--config=" + writeFile(t, filepath.Join(dir, "films", "cameras.yaml"), films)})
	c.begin("live", fromKafka(from), []string{"--config=" + writeFile(t, filepath.Join(dir, "live", "cameras.yaml"), live)})
	c.begin("analyze", direct(t), fromKafka(from), chunk, []string{"--output=" + out})
	c.begin("archive", direct(t), fromKafka(from), chunk, []string{"--archive=" + archived})
	c.rage(duration)

	// Everything comes up once more, and to its end.
	c.setClock(0)
	c.heal()
	c.finish("films")
	c.again("films") // somebody publishes the files once more
	c.finish("films")
	c.interrupt("live")
	for _, name := range []string{"analyze", "archive"} {
		c.interrupt(name)
		c.again(name, "--until=now")
		c.finish(name)
	}

	calm := from + "-calm"
	topicNamed(t, calm, 1)
	run(t, "ingest", fromKafka(calm), []string{"--config=" + writeFile(t, filepath.Join(dir, "calm", "cameras.yaml"), films)})
	log := chaos.Log(records(t, stack.Brokers(), from))
	v := chaos.Judge(chaos.Evidence{
		Log: log, Rows: trial.Rows(t, out), Films: records(t, stack.Brokers(), calm),
		Live: func(camera string) bool { return strings.HasPrefix(camera, "live-") },
	})
	for _, fault := range v.Faults[:min(50, len(v.Faults))] {
		t.Error(fault)
	}
	for _, fault := range chaos.SameLog(log, archivedLog(t, archived, from)) {
		t.Errorf("the archive: %s", fault)
	}
	tree := trial.Tree(t, out)
	undisturbed, reprocessed := filepath.Join(dir, "undisturbed"), filepath.Join(dir, "reprocessed")
	run(t, "analyze", direct(t), fromKafka(from), chunk, []string{"--output=" + undisturbed, "--until=now"})
	trial.SameTree(t, "analysed by one job that nothing disturbed", trial.Tree(t, undisturbed), tree)
	run(t, "reprocess", direct(t), []string{"--archive=" + archived, "--topic=" + from, "--output=" + reprocessed}, chunk)
	trial.SameTree(t, "reprocessed from the archive", tree, trial.Tree(t, reprocessed))

	t.Logf("seed %d, %v: %v", seed, duration, v)
	kills := 0
	for _, what := range slices.Sorted(maps.Keys(c.counts)) {
		t.Logf("%5d %s", c.counts[what], what)
		if strings.Contains(what, "killed") {
			kills += c.counts[what]
		}
	}
	if len(v.Faults) == 0 {
		t.Logf("0 lost and 0 doubled of %d frames by %d kills: with 95 %% confidence less than %.2g of frames, and less than %.2g of kills",
			v.Frames, kills, 3/float64(v.Frames), 3/float64(max(1, kills)))
	}
	for _, what := range []string{"films", "live", "analyze", "archive", "kafka"} {
		if c.counts[what+" killed"] == 0 {
			t.Errorf("%s was never killed", what)
		}
	}
}

// chaosRun is what lives and dies.
type chaosRun struct {
	t      *testing.T
	dice   *rand.Rand
	clock  string // the file that sets the clocks
	jobs   map[string]*job
	args   map[string][][]string
	counts map[string]int
	down   string     // the broker that does not run
	up     chan error // of its start
}

// begin starts what can be killed: a collector, or a command of that name.
func (c *chaosRun) begin(name string, args ...[]string) {
	c.args[name] = args
	c.again(name)
}

// again starts it again as it was, with more arguments.
func (c *chaosRun) again(name string, more ...string) {
	c.t.Helper()
	command := name
	switch name {
	case "films", "live":
		command = "ingest"
	case "direct", "flink":
		command = "analyze"
	}
	c.jobs[name] = start(c.t, command, append(slices.Clone(c.args[name]), more)...)
}

// rage kills and sets clocks until the time is over.
func (c *chaosRun) rage(duration time.Duration) {
	c.t.Helper()
	over := time.After(duration)
	victims := []string{"films", "live", "analyze", "archive", "kafka", "clock", "clock"}
	first := c.dice.Perm(len(victims)) // each once, whatever the dice say
	for n := 0; ; n++ {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(200+c.dice.IntN(2300)) * time.Millisecond):
		}
		i := c.dice.IntN(len(victims))
		if n < len(first) {
			i = first[n]
		}
		switch victim := victims[i]; victim {
		case "clock":
			// Mostly by less than a bound could notice, at times by hours.
			step := time.Duration(c.dice.IntN(4000)-2000) * time.Millisecond
			if c.dice.IntN(3) == 0 {
				step = time.Duration(c.dice.IntN(6*3600)-3*3600) * time.Second
			}
			c.setClock(step)
			c.counts["clocks set"]++
		case "kafka":
			c.killBroker()
		default:
			c.kill(victim)
		}
	}
}

// kill kills a process and starts it again. One that has ended by itself did so because
// it had come to its end, or the run has failed.
func (c *chaosRun) kill(name string) {
	c.t.Helper()
	j := c.jobs[name]
	j.kill()
	switch code := j.cmd.ProcessState.ExitCode(); {
	case code == -1:
		c.counts[name+" killed"]++
	case code == 0 && name == "films":
		c.counts["films published once more"]++
	default:
		c.t.Fatalf("%s ended by itself with exit code %d:\n%s", name, code, tail(j.output()))
	}
	c.again(name)
}

// killBroker kills a broker, which comes back meanwhile, if all run.
func (c *chaosRun) killBroker() {
	c.t.Helper()
	if c.up != nil {
		select {
		case err := <-c.up:
			c.up = nil
			if err != nil {
				c.t.Fatal(err)
			}
		default:
			return // still on its way up
		}
	}
	c.down = fmt.Sprintf("kafka-%d", 1+c.dice.IntN(3))
	if err := stack.Kill(c.down); err != nil {
		c.t.Fatal(err)
	}
	c.counts["kafka killed"]++
	c.up = make(chan error, 1)
	go func(name string, up chan<- error, pause time.Duration) {
		time.Sleep(pause) // that it is away is the fault
		up <- stack.Start(context.Background(), name)
	}(c.down, c.up, time.Duration(c.dice.IntN(4000))*time.Millisecond)
}

// heal waits until all brokers run.
func (c *chaosRun) heal() {
	c.t.Helper()
	if c.up != nil {
		if err := <-c.up; err != nil {
			c.t.Fatal(err)
		}
		c.up = nil
	}
}

// finish waits for a good end.
func (c *chaosRun) finish(name string) {
	c.t.Helper()
	j := c.jobs[name]
	if code := j.wait(); code != 0 {
		c.t.Fatalf("%s: exit code %d\n%s", name, code, tail(j.output()))
	}
}

// interrupt ends something as a user would.
func (c *chaosRun) interrupt(name string) {
	c.t.Helper()
	j := c.jobs[name]
	if code := j.interrupt(); code != 0 {
		c.t.Fatalf("%s: exit code %d\n%s", name, code, tail(j.output()))
	}
}

// setClock sets the wall clock of what captures.
func (c *chaosRun) setClock(by time.Duration) {
	c.t.Helper()
	next := c.clock + ".next"
	err := os.WriteFile(next, []byte(strconv.FormatInt(by.Milliseconds(), 10)), 0o644)
	if err = errors.Join(err, os.Rename(next, c.clock)); err != nil {
		c.t.Fatal(err)
	}
}

// tail is the end of what a command said.
func tail(s string) string { return s[max(0, len(s)-4000):] }

// writeClips writes a folder of films with so many frames in all, no two alike.
func writeClips(t *testing.T, dir string, frames int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for n := range filmClips {
		w, err := gocv.VideoWriterFile(filepath.Join(dir, fmt.Sprintf("clip%d.avi", n)), "MJPG", 8, chaos.Width, chaos.Height, true)
		if err != nil {
			t.Fatal(err)
		}
		for i := range max(3, frames/filmClips) {
			m := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(float64(20+n), 40, float64(200-n), 0), chaos.Height, chaos.Width, gocv.MatTypeCV8UC3)
			x := (3 * i) % (chaos.Width - 20)
			gocv.Rectangle(&m, image.Rect(x, 20, x+20, 45), color.RGBA{R: 230, G: uint8(2 * n), B: 230}, -1)
			err := w.Write(m)
			m.Close()
			if err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
	}
}

// archivedLog is all that an archive has of a topic.
func archivedLog(t *testing.T, root, topic string) chaos.Log {
	t.Helper()
	log, err := log.Open(t.Context(), log.Spec{Kind: archive.Kind, Root: root})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	return readLog(t, log, topic)
}
