package collector

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/transforms/frame"
)

// paced is a camera that goes on for ever, 20 pictures a second.
func paced(t *testing.T, id string) config.Camera {
	t.Helper()
	c := film(t, id, "scene:seed=7&size=64x48&frames=100000&fps=20")
	c.Start, c.Paced, c.Passes = time.Time{}, true, 0
	return c
}

// changing is a collector whose configuration is changed.
type changing struct {
	t      *testing.T
	broker *broker.Broker
	ask    chan *config.Config
	answer chan error
	stop   func() (Summary, error)
}

func begin(t *testing.T, b *broker.Broker, opts Options, cfg *config.Config) *changing {
	t.Helper()
	c := &changing{t: t, broker: b, ask: make(chan *config.Config), answer: make(chan error)}
	opts.Watch = func(ctx context.Context, apply func(*config.Config) error) {
		for {
			select {
			case next := <-c.ask:
				c.answer <- apply(next)
			case <-ctx.Done():
				return
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	type end struct {
		s   Summary
		err error
	}
	done := make(chan end, 1)
	go func() {
		s, err := Run(ctx, cfg, opts)
		done <- end{s, err}
	}()
	c.stop = func() (Summary, error) {
		cancel()
		e := <-done
		done <- e
		return e.s, e.err
	}
	t.Cleanup(func() { c.stop() })
	return c
}

func (c *changing) to(cfg *config.Config) {
	c.t.Helper()
	c.ask <- cfg
	if err := <-c.answer; err != nil {
		c.t.Fatal(err)
	}
}

// frames are a camera's in the topic, in their order.
func (c *changing) frames(camera string) (frames []frame.Frame) {
	c.t.Helper()
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	for p := range int32(partitions) {
		for _, r := range dump(c.t, c.broker, p) {
			if r.OfSource() {
				continue
			}
			f, err := parser.Parse(&r)
			if err != nil {
				c.t.Fatal(err)
			}
			if f.Camera == camera {
				frames = append(frames, f)
			}
		}
	}
	return frames
}

// epochs are the camera's, in their order.
func (c *changing) epochs(camera string) (epochs []string) {
	for _, f := range c.frames(camera) {
		if len(epochs) == 0 || epochs[len(epochs)-1] != f.Epoch {
			epochs = append(epochs, f.Epoch)
		}
	}
	return epochs
}

// more waits for so many more frames of a camera.
func (c *changing) more(camera string, n int) {
	c.t.Helper()
	had := len(c.frames(camera))
	c.until(func() bool { return len(c.frames(camera)) >= had+n })
}

func (c *changing) until(holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatal("it never came about")
		}
	}
}

func TestCamerasComeGoAndChangeAndTheOthersAreNotTouched(t *testing.T) {
	b := start(t, nil)
	stays, goes, changes := paced(t, "stays"), paced(t, "goes"), paced(t, "changes")
	c := begin(t, b, options(b), configOf(stays, goes, changes))
	for _, id := range []string{"stays", "goes", "changes"} {
		c.more(id, 3)
	}
	changes.Quality = 50
	c.to(configOf(stays, changes, paced(t, "comes")))
	gone := len(c.frames("goes"))
	for _, id := range []string{"stays", "changes", "comes"} {
		c.more(id, 5)
	}
	c.until(func() bool { return len(c.epochs("changes")) == 2 })
	if n := len(c.epochs("stays")); n != 1 {
		t.Errorf("the camera that stays has %d epochs", n)
	}
	for i, f := range c.frames("stays") {
		if f.Sequence != int64(i) && c.epochs("stays")[0] == f.Epoch && f.Sequence < int64(i) {
			t.Errorf("frame %d has the number %d", i, f.Sequence)
		}
	}
	c.to(configOf(stays, goes)) // and back
	c.more("goes", 3)
	if list := c.epochs("goes"); len(list) != 2 || !slices.IsSorted(list) {
		t.Errorf("the camera that came back has the epochs %v", list)
	}
	summary, err := c.stop()
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string]CameraSummary{}
	for _, s := range summary.Cameras {
		sent[s.Camera] = s
	}
	for id, removed := range map[string]bool{"stays": false, "goes": false, "changes": true, "comes": true} {
		s := sent[id]
		// What was captured is sent, of those that went too, and is counted on.
		if n := int64(len(c.frames(id))); s.Sent != n || s.Captured != n+s.Dropped || s.Unsent != 0 || s.Removed != removed {
			t.Errorf("%d frames in the topic, %+v", n, s)
		}
	}
	if gone == 0 || sent["goes"].Epochs != 2 || len(sent) != 4 {
		t.Errorf("%+v", summary)
	}
}

func TestAFileThatComesLaterGoesOnWithWhatIsNotInTheTopic(t *testing.T) {
	b := start(t, nil)
	live := paced(t, "live")
	file := film(t, "file", "scene:seed=7&size=64x48&frames=40&fps=10")
	file.Start = time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	opts := options(b)
	opts.Journal = filepath.Join(t.TempDir(), "journal")
	first := begin(t, b, opts, configOf(live))
	first.more("live", 3)
	first.to(configOf(live, file))
	first.until(func() bool { return len(first.frames("file")) == 40 })
	// Taken out and in again, it has nothing more to say; published with other settings, it has.
	first.to(configOf(live))
	first.to(configOf(live, file))
	first.more("live", 3)
	file.Quality = 50
	first.to(configOf(live, file))
	first.until(func() bool { return len(first.frames("file")) == 80 })
	if _, err := first.stop(); err != nil {
		t.Fatal(err)
	}
	// So has the next collector, whether it has the journal or not.
	for _, path := range []string{opts.Journal, ""} {
		opts.Journal = path
		next := begin(t, b, opts, configOf(live, file))
		next.more("live", 3)
		_, err := next.stop()
		if n := len(next.frames("file")); n != 80 || err != nil {
			t.Errorf("journal %q: %d frames, %v", path, n, err)
		}
	}
}

func TestWhatWasWrongWithACameraThatIsTakenOutIsNoErrorOfTheCollector(t *testing.T) {
	b := start(t, nil)
	live, broken := paced(t, "live"), film(t, "broken", "scene:seed=7&size=64x48&frames=40&fps=10")
	broken.Source = config.Source{Kind: config.Video, Text: "none.avi", Files: []string{filepath.Join(t.TempDir(), "none.avi")}}
	c := begin(t, b, options(b), configOf(live, broken))
	c.more("live", 3)
	c.to(configOf(live))
	if _, err := c.stop(); err != nil {
		t.Error(err)
	}
	c = begin(t, b, options(b), configOf(live, broken))
	c.more("live", 3)
	if _, err := c.stop(); err == nil || !strings.Contains(err.Error(), "none.avi") {
		t.Error(err)
	}
}

func TestNoCamerasAreNoChange(t *testing.T) {
	b := start(t, nil)
	c := begin(t, b, options(b), configOf(paced(t, "live")))
	c.more("live", 3)
	c.ask <- configOf()
	if err := <-c.answer; err == nil {
		t.Error("it is taken")
	}
	c.more("live", 3)
	if n := len(c.epochs("live")); n != 1 {
		t.Errorf("%d epochs", n)
	}
	if _, err := c.stop(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
