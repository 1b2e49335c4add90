package live

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAPartThatFailsIsStartedAgainLaterAndLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		p := newPart("it", slog.New(slog.DiscardHandler), func(context.Context) error {
			at = append(at, time.Since(began))
			return errors.New("no")
		})
		time.Sleep(100 * time.Second)
		p.stop(time.Second)
		want := []time.Duration{0, 1, 3, 7, 15, 31, 63}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(at, want) {
			t.Errorf("it began at %v, want %v", at, want)
		}
		if p.failing(t.Context()) == nil {
			t.Error("it is said to be well")
		}
	})
}

func TestAPartIsStartedAgainAtOnceIfThatIsWantedAndStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		p := newPart("it", slog.New(slog.DiscardHandler), func(ctx context.Context) error {
			runs++
			<-ctx.Done()
			return ctx.Err()
		})
		synctest.Wait()
		p.restart()
		synctest.Wait()
		if runs != 2 || p.failing(t.Context()) != nil {
			t.Errorf("%d runs, %v", runs, p.failing(t.Context()))
		}
		p.stop(time.Second)
		<-p.done
	})
}

func TestAnalysesAreStuckIfNothingIsDoneOfWhatIsLeft(t *testing.T) {
	var s stuck
	at := time.Unix(0, 0)
	for _, c := range []struct {
		name       string
		after      time.Duration
		done, left int64
		want       bool
	}{
		{"the first look", 0, 0, 10, false},
		{"something is done", time.Hour, 5, 10, false},
		{"nothing for a while", stuckAfter - 1, 5, 20, false},
		{"for too long", 1, 5, 20, true},
		{"just told", time.Second, 5, 20, false},
		{"there is nothing to do", time.Hour, 5, 0, false},
		{"there is again", time.Second, 5, 3, false},
	} {
		at = at.Add(c.after)
		if got := s.see(at, c.done, c.left); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestOfSourcesAConfigurationIsMade(t *testing.T) {
	env := func(string) (string, bool) { return "x", true }
	got, err := Sources([]string{"film.mp4", "rtsp://me:${PW}@gate.example/a"}, "/films", env)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"id: camera-1", "source: /films/film.mp4", "pace: real", "loop: true", "id: camera-2", "${PW}"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if _, err := Sources([]string{"rtsp://me:open@gate.example/a"}, "/films", env); err == nil || strings.Contains(err.Error(), "open") {
		t.Errorf("a password that is written: %v", err)
	}
}
