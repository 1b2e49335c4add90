package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/transforms/frame"
)

// loops are films of five frames each that are played 90 times, so in 90 epochs.
func loops(t *testing.T) *config.Config {
	cfg := configOf(film(t, "gate", "scene:seed=1&size=32x24&frames=5&fps=10"), film(t, "yard", "scene:seed=2&size=32x24&frames=5&fps=10"))
	for i := range cfg.Cameras {
		cfg.Cameras[i].Passes = 90
	}
	return cfg
}

const inLoops = 2 * 90 * 5

// copies is how often each frame is in the topic.
func copies(t *testing.T, b *broker.Broker) map[string]int {
	t.Helper()
	m := map[string]int{}
	for p := range int32(partitions) {
		for _, r := range dump(t, b, p) {
			if f := (frame.Frame{Camera: r.Camera()}); f.Camera != "" {
				if e, s, ok := r.Numbered(); ok {
					f.Epoch, f.Sequence = e, s
					m[f.ID()]++
				}
			}
		}
	}
	return m
}

// once fails unless there are so many frames, none of them twice.
func once(t *testing.T, b *broker.Broker, n int) {
	t.Helper()
	ends := map[string]bool{} // of sources
	for p := range int32(partitions) {
		for _, r := range dump(t, b, p) {
			if r.OfSource() {
				if id, _ := r.Header("ce_id"); ends[id] {
					t.Errorf("%s is told twice", id)
				} else {
					ends[id] = true
				}
			}
		}
	}
	m := copies(t, b)
	for id, c := range m {
		if c > 1 {
			t.Errorf("%s is there %d times", id, c)
		}
	}
	if len(m) != n {
		t.Errorf("%d frames, want %d", len(m), n)
	}
}

func TestFilesGoOnWhereTheTopicEndsWhateverBecameOfTheJournal(t *testing.T) {
	damage := func(change func([]byte) []byte) func(*testing.T, *broker.Broker, string) {
		return func(t *testing.T, _ *broker.Broker, journal string) {
			data, err := os.ReadFile(journal)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(journal, change(data), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name  string
		old   bool // brokers without topic ids
		after func(t *testing.T, b *broker.Broker, journal string)
		there int   // frames in the topic at the end
		sent  int64 // by the second collector
	}{
		{name: "nothing happened", there: inLoops},
		{name: "nothing happened, and topics have no ids", old: true, there: inLoops},
		{"the journal is lost", false, func(_ *testing.T, _ *broker.Broker, journal string) { os.Remove(journal) }, inLoops, 0},
		{"the journal is empty", false, damage(func([]byte) []byte { return nil }), inLoops, 0},
		{"the journal is cut off", false, damage(func(b []byte) []byte { return b[:len(b)/2] }), inLoops, 0},
		{"a number in the journal has changed", false, damage(func(b []byte) []byte { return bytes.Replace(b, []byte(`":5`), []byte(`":4`), 1) }), inLoops, 0},
		{"the topic is another", false, func(t *testing.T, b *broker.Broker, _ string) {
			if err := b.Recreate(t.Context(), "frames", 0); err != nil {
				t.Fatal(err)
			}
		}, inLoops, inLoops},
		{"the topic has lost its end", true, func(t *testing.T, b *broker.Broker, _ string) {
			if err := b.Recreate(t.Context(), "frames", 200); err != nil {
				t.Fatal(err)
			}
		}, inLoops, inLoops - 400},
		{"the topic has lost its end and is filled again", true, func(t *testing.T, b *broker.Broker, _ string) {
			if err := b.Recreate(t.Context(), "frames", 200); err != nil {
				t.Fatal(err)
			}
			for p := range int32(partitions) {
				for range 500 {
					if _, err := b.Append(t.Context(), "frames", p, frame.Record{Key: []byte("other"), Value: []byte("x"), Timestamp: 1714550400000}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}, inLoops, inLoops - 400},
		{"retention has taken everything", false, func(t *testing.T, b *broker.Broker, _ string) {
			for p := range int32(partitions) {
				_, end, err := b.Bounds("frames", p)
				if err != nil {
					t.Fatal(err)
				}
				if err := b.DeleteRecords("frames", p, end); err != nil {
					t.Fatal(err)
				}
			}
		}, 0, 0},
		{"others write there", false, func(t *testing.T, b *broker.Broker, _ string) {
			for p := range int32(partitions) {
				if _, err := b.AppendTransaction(t.Context(), true, "frames", p, frame.Record{Key: []byte("gate"), Value: []byte("x"), Timestamp: 1}); err != nil {
					t.Fatal(err)
				}
				if _, err := b.Append(t.Context(), "frames", p, frame.Record{Value: []byte("stray"), Timestamp: 1}); err != nil {
					t.Fatal(err)
				}
			}
		}, inLoops, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, err := broker.Start(broker.Options{WithoutTopicIDs: c.old, Topics: []broker.Topic{{Name: "frames", Partitions: partitions}}})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			opts := options(b)
			opts.Journal = filepath.Join(t.TempDir(), "journal")
			if _, err := Run(t.Context(), loops(t), opts); err != nil {
				t.Fatal(err)
			}
			once(t, b, inLoops)
			if c.after != nil {
				c.after(t, b, opts.Journal)
			}
			summary, err := Run(t.Context(), loops(t), opts)
			if err != nil {
				t.Fatal(err)
			}
			if total := summary.Total(); total.Sent != c.sent || total.Published != inLoops-c.sent {
				t.Errorf("the second time: %v, want %d sent", total, c.sent)
			}
			once(t, b, c.there)
		})
	}
}

func TestACollectorThatIsStoppedAnywhereAndAnyTimeSendsWhatIsMissing(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 7))
			b := start(t, nil)
			opts := options(b)
			opts.Journal = filepath.Join(t.TempDir(), "journal")
			opts.journalEvery, opts.Interval = time.Millisecond, time.Millisecond
			for reached := int64(0); ; {
				ctx, cancel := context.WithCancel(t.Context())
				stop := reached + int64(random.IntN(300))
				// As after a kill, the journal is some earlier one.
				var old []byte
				opts.Progress = func(s Summary) {
					if total := s.Total(); total.Sent+total.Published > stop {
						cancel()
					} else if random.IntN(20) == 0 {
						old, _ = os.ReadFile(opts.Journal)
					}
				}
				summary, err := Run(ctx, loops(t), opts)
				if err != nil {
					t.Fatal(err)
				}
				reached = summary.Total().Sent + summary.Total().Published
				if ctx.Err() == nil {
					cancel()
					break
				}
				cancel()
				if old != nil {
					if err := os.WriteFile(opts.Journal, old, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			once(t, b, inLoops)
		})
	}
}

func TestTwoCollectorsOfOneFilmAtOnceAndOneAfterThem(t *testing.T) {
	b := start(t, nil)
	opts := options(b)
	opts.Journal = filepath.Join(t.TempDir(), "journal")
	opts.journalEvery = time.Millisecond
	done := make(chan error)
	for range 2 {
		go func() {
			_, err := Run(t.Context(), loops(t), opts)
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := len(copies(t, b)); n != inLoops {
		t.Errorf("%d frames", n)
	}
	summary, err := Run(t.Context(), loops(t), opts)
	if err != nil || summary.Total().Sent != 0 {
		t.Errorf("the third sent %d, %v", summary.Total().Sent, err)
	}
}

func TestAnotherFilmOrSettingOfACameraIsPublishedAllTheSame(t *testing.T) {
	b := start(t, nil)
	opts := options(b)
	opts.Journal = filepath.Join(t.TempDir(), "journal")
	later := film(t, "gate", "scene:seed=1&size=32x24&frames=5&fps=10")
	later.Start = later.Start.Add(1000 * time.Hour)
	earlier := film(t, "gate", "scene:seed=1&size=32x24&frames=5&fps=10")
	earlier.Start = earlier.Start.Add(-1000 * time.Hour)
	quality := earlier
	quality.Quality = 50
	there := 0
	// In this order an earlier film is looked for farther back than the journal reaches.
	for _, c := range []config.Camera{later, earlier, quality} {
		if summary, err := Run(t.Context(), configOf(c), opts); err != nil || summary.Total().Sent != 5 {
			t.Fatalf("%v, %v", summary.Total(), err)
		}
		there += 5
		once(t, b, there)
	}
	for _, c := range []config.Camera{quality, later, earlier} {
		if summary, err := Run(t.Context(), configOf(c), opts); err != nil || summary.Total().Sent != 0 {
			t.Errorf("again: %v, %v", summary.Total(), err)
		}
	}
}

func TestFramesOfTheJSONWireThatAreInTheTopicAreLeftOut(t *testing.T) {
	b := start(t, nil)
	c := film(t, "tree", "scene:seed=1&size=32x24&frames=50&fps=10")
	c.Encoding = frame.Raw
	opts := options(b)
	opts.Format = config.JSON
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts.Interval, opts.BufferBytes = time.Millisecond, 4000
	opts.Progress = func(s Summary) {
		if s.Total().Sent > 10 {
			cancel()
		}
	}
	for range 3 {
		if _, err := Run(ctx, configOf(c), opts); err != nil {
			t.Fatal(err)
		}
		ctx, opts.Progress = t.Context(), nil
	}
	seen := map[string]bool{}
	for p := range int32(partitions) {
		for _, r := range dump(t, b, p) {
			if seen[string(r.Value)] {
				t.Error("a frame is there twice")
			}
			seen[string(r.Value)] = true
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d frames", len(seen))
	}
}

func TestACameraOfTheOriginalsIsCountedAndFoundAgainByItsKey(t *testing.T) {
	b := start(t, nil)
	opts := options(b)
	opts.Format = config.JSON
	var cameras []config.Camera
	for _, id := range []string{"id--Front.20Door", "id--T.C3.BCr", "id--"} { // not all of one partition
		c := film(t, id, "scene:seed=1&size=32x24&frames=5&fps=10")
		c.Encoding = frame.Raw
		cameras = append(cameras, c)
	}
	for run, sent := range []int64{15, 0} {
		if summary, err := Run(t.Context(), configOf(cameras...), opts); err != nil || summary.Total().Sent != sent || summary.Total().Published != 15-sent {
			t.Errorf("run %d: %v, %v", run, summary.Total(), err)
		}
	}
}

func TestAFileOfWhichAFrameIsRefusedGoesOnThereWhenTheReasonIsMended(t *testing.T) {
	b := start(t, nil)
	opts := options(b)
	opts.Journal = filepath.Join(t.TempDir(), "journal")
	cfg := configOf(film(t, "gate", "scene:seed=1&size=32x24&frames=50&fps=10"))
	rule := b.Fail(broker.Produce, kerr.InvalidRecord, 7) // batches are halved, down to one record at the most
	summary, err := Run(t.Context(), cfg, opts)
	rule.Remove()
	if _, ok := errors.AsType[*publish.RefusedError](err); !ok || summary.Total().Rejected != 1 || strings.Count(err.Error(), "is refused") != 1 {
		t.Fatalf("%v, %v", summary.Total(), err)
	}
	if _, err := Run(t.Context(), cfg, opts); err != nil {
		t.Fatal(err)
	}
	once(t, b, 50)
}

func TestWhoMayOnlyWriteSendsAgainAndIsTold(t *testing.T) {
	b := start(t, nil)
	var said bytes.Buffer
	opts := options(b)
	opts.Log = logTo(&said)
	cfg := configOf(film(t, "gate", "scene:seed=1&size=32x24&frames=5&fps=10"))
	for run := range 2 {
		fault := b.Fail(broker.Fetch, kerr.TopicAuthorizationFailed, -1)
		if summary, err := Run(t.Context(), cfg, opts); err != nil || summary.Total().Sent != 5 {
			t.Errorf("run %d: %v, %v", run, summary.Total(), err)
		}
		fault.Remove()
	}
	if n := strings.Count(said.String(), "lacks the permission Read"); n != 1 { // the first time there is nothing to read
		t.Errorf("told %d times\n%s", n, &said)
	}
}

func TestAJournalThatCannotBeWrittenIsSaidOnce(t *testing.T) {
	b := start(t, nil)
	var said bytes.Buffer
	opts := options(b)
	opts.Log, opts.journalEvery = logTo(&said), time.Millisecond
	opts.Journal = filepath.Join(t.TempDir(), "none", "journal")
	if summary, err := Run(t.Context(), loops(t), opts); err != nil || summary.Total().Sent != inLoops {
		t.Errorf("%v, %v", summary.Total(), err)
	}
	if n := strings.Count(said.String(), "the journal cannot be written"); n != 1 {
		t.Errorf("said %d times\n%s", n, &said)
	}
}

func TestWhatLiveCamerasWriteDuringTheSearchIsNoGap(t *testing.T) {
	records := func(from, n int64) (list []frame.Record) {
		for i := range n {
			list = append(list, frame.Record{Offset: from + i, Key: []byte("live"), Value: []byte{byte(i)}})
		}
		return list
	}
	s := &resume{early: map[int]span{}}
	s.acknowledged(0, records(3, 2))
	s.acknowledged(0, records(10, 5)) // somebody else wrote in between
	s.acknowledged(0, records(15, 1))
	if e := s.early[0]; e.from != 10 || e.to != 16 {
		t.Errorf("%+v", e)
	}
}

func TestWhatNothingCanHelpEndsAllCamerasAtOnce(t *testing.T) {
	b := start(t, nil)
	b.Fail(broker.Produce, kerr.UnsupportedVersion, -1)
	dead := film(t, "dead", "scene:seed=1&size=32x24&frames=5&fps=10")
	dead.Source = config.Source{Kind: config.URL, Text: "tcp://127.0.0.1:1/", URL: "tcp://127.0.0.1:1/"}
	endless := film(t, "gate", "scene:seed=1&size=32x24&frames=5&fps=10")
	endless.Passes = 0
	opts := options(b)
	opts.Publish.DeliveryTimeout = 0 // for ever
	if _, err := Run(t.Context(), configOf(dead, endless), opts); !errors.Is(err, publish.ErrHopeless) {
		t.Error(err)
	}
}
