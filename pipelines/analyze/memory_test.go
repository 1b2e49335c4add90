package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/frame"
)

// The direct runner does not push back on a source: without pacing, all of a
// backlog would be on its way at once.
func TestABacklogOf3GBIsAnalysedInLessThan1GB(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it writes and reads 3 GB")
	}
	const (
		cameras = 20
		backlog = 3 << 30
		limit   = 1 << 30
	)
	s, err := scene.New(scene.Config{Width: 640, Height: 480, Frames: 8, FPS: 2, Seed: 5, Objects: 6, Noise: 2})
	if err != nil {
		t.Fatal(err)
	}
	var pictures [8][]byte
	for i := range pictures {
		pictures[i], _ = s.Frame(i)
	}
	b := trial.Start(t, nil, nil)
	frames := 0
	for size := 0; size < backlog; frames += cameras {
		var recs [2][]frame.Record
		i := frames / cameras
		for c := range cameras {
			f := frame.Frame{
				Camera: film.Camera(c), Epoch: "e", Sequence: int64(i), Captured: film.Begin.Add(time.Duration(i) * time.Second / 2),
				Width: 640, Height: 480, Channels: 3, Encoding: frame.Raw, Data: pictures[(i+c)%len(pictures)],
			}
			recs[c%2] = append(recs[c%2], f.CloudEvent())
			size += len(f.Data)
		}
		for p := range recs {
			for _, r := range recs[p] { // one by one: a batch of ten would be too large
				trial.Add(t, b, int32(p), []frame.Record{r})
			}
		}
	}
	out := t.TempDir()
	p := begin(t, b, out, sensitive, "now", "", "--poll-records=2000", "--chunk=512")
	peak := watchPeak(p)
	if p.err != nil {
		t.Fatalf("analyze: %v\n%s", p.err, &p.said)
	}
	t.Logf("%d frames, %.1f GB: peak %d MB resident, %.0f s of CPU", frames, float64(frames)*640*480*3/1e9, peak>>20,
		(p.ProcessState.UserTime() + p.ProcessState.SystemTime()).Seconds())
	if peak >= limit {
		t.Errorf("the process took %d MB, want less than %d", peak>>20, limit>>20)
	}
	if n := len(trial.Rows(t, out)); n != frames {
		t.Errorf("%d results for %d frames", n, frames)
	}
}

// watchPeak waits for the process and returns the most memory it had resident,
// in bytes. The usage that wait(2) tells counts what this test had before exec.
func watchPeak(p *process) (peak int64) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.err = p.Wait()
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return peak
		case <-tick.C:
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
			if err != nil {
				continue // it has just ended
			}
			for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
				var kib int64
				if n, _ := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kib); n == 1 {
					peak = max(peak, kib<<10)
				}
			}
		}
	}
}
