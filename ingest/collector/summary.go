package collector

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/framebeam/framebeam/ingest/capture"
)

// CameraSummary says what became of one camera's pictures.
type CameraSummary struct {
	Camera    string
	Source    string
	Partition int // of the topic; -1 if nothing was published

	Captured   int64 // frames encoded
	Limited    int64 // pictures left out by max_fps
	Unreadable int64 // pictures that could not be read
	Late       int64 // pictures of a live source that this machine was too slow for
	Dropped    int64 // frames of a live source given up while Kafka was slow
	Refused    int64 // frames too large for the topic
	Rejected   int64 // frames that the brokers refused
	Published  int64 // frames of files that the topic had already
	Sent       int64 // frames acknowledged
	Bytes      int64 // of images sent
	Unsent     int64 // frames never acknowledged; while running, those on their way

	Epochs   int64 // begun
	Failures int64 // streams that could not be opened, broke off, hung or crashed
	Err      error // why the camera ended early

	Removed    bool // from the configuration, while the collector ran
	Live       bool
	Up         bool          // the source is read
	Last       time.Time     // when the last frame was captured
	Lag        time.Duration // from then until it was in this process; of a live source
	ClockSteps int64         // times that this machine's clock was set
	QueueBytes int64         // of memory, of the frames on their way
	Encode     capture.Durations
	Process    capture.Usage
}

// Summary says what a run has done so far.
type Summary struct {
	Elapsed time.Duration
	Cameras []CameraSummary // in the configuration's order, then those that were removed
}

// Total adds up all cameras.
func (s Summary) Total() CameraSummary {
	t := CameraSummary{Camera: "all", Partition: -1}
	for _, c := range s.Cameras {
		t.Captured += c.Captured
		t.Limited += c.Limited
		t.Unreadable += c.Unreadable
		t.Late += c.Late
		t.Dropped += c.Dropped
		t.Refused += c.Refused
		t.Rejected += c.Rejected
		t.Published += c.Published
		t.Sent += c.Sent
		t.Bytes += c.Bytes
		t.Unsent += c.Unsent
		t.Epochs += c.Epochs
		t.Failures += c.Failures
	}
	return t
}

// String is the camera in one line: what was captured and sent, and of the rest
// what is not zero.
func (c CameraSummary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: captured %d, sent %d (%.1f MB)", c.Camera, c.Captured, c.Sent, float64(c.Bytes)/1e6)
	for _, n := range []struct {
		count int64
		what  string
	}{
		{c.Published, "already in the topic"},
		{c.Unsent, "not acknowledged"},
		{c.Dropped, "dropped while Kafka was slow"},
		{c.Late, "skipped because this machine was slow"},
		{c.Refused, "too large for the topic"},
		{c.Rejected, "refused by the brokers"},
		{c.Unreadable, "unreadable"},
		{c.Limited, "left out by max_fps"},
		{c.Failures, "failures of the source"},
	} {
		if n.count != 0 {
			fmt.Fprintf(&b, ", %d %s", n.count, n.what)
		}
	}
	if c.Removed {
		b.WriteString(", removed")
	}
	return b.String()
}

// Write writes a line per camera and one for all.
func (s Summary) Write(w io.Writer) {
	for _, c := range s.Cameras {
		fmt.Fprintln(w, c)
	}
	t := s.Total()
	fmt.Fprintf(w, "%s, %.1f frames/s over %v\n", t, float64(t.Sent)/max(s.Elapsed.Seconds(), 0.001), s.Elapsed.Round(100*time.Millisecond))
}

func (r *run) summary() Summary {
	s := Summary{Elapsed: r.opts.now().Sub(r.begun)}
	cameras, removed := r.now()
	for i, c := range append(cameras, removed...) {
		n := c.capture.Counters
		cs := CameraSummary{
			Camera: c.cfg.ID, Source: c.cfg.Source.Text, Partition: -1,
			Captured: n.Captured.Load(), Limited: n.Limited.Load(), Unreadable: n.Unreadable.Load(), Late: n.Late.Load(),
			Refused: c.refused.Load(), Published: n.Published.Load() + c.already.Load(), Epochs: n.Epochs.Load(), Failures: n.Failures.Load(),
		}
		cs.Removed = i >= len(cameras)
		cs.Live, cs.Up, cs.ClockSteps, cs.Encode, cs.Process = c.cfg.Live(), n.Up(), n.ClockSteps.Load(), n.Encode(), n.Usage()
		cs.Last, cs.Lag = n.Last()
		p := r.publisher.Stats(c.key)
		cs.QueueBytes = p.WaitingBytes
		cs.Partition, cs.Sent, cs.Bytes, cs.Dropped, cs.Rejected, cs.Unsent = p.Partition, p.Sent, p.Bytes, p.Dropped, p.Refused, p.Waiting
		c.mu.Lock()
		cs.Err = c.err
		c.mu.Unlock()
		s.Cameras = append(s.Cameras, cs)
	}
	return s
}
