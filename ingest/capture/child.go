package capture

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/framebeam/framebeam/ingest/capture/report"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// childEnv, if it is set, makes this program a capturing process: see [Child].
const childEnv = "FRAMEBEAM_CAPTURE_PROCESS"

// reportsFd is where a capturing process reports to: not its standard output, to
// which the libraries below may write whatever they like.
const reportsFd = 3

// Child is called first in main, and in TestMain, of every program that captures,
// before it looks at its flags. Sources are read in processes of their own, which
// are this program started again: there, Child captures and does not return.
//
// A capturing process gets its tasks, passwords included, through its standard
// input, and ends when that does: when its parent dies, however it dies. (The signal
// that Linux can send for a parent's death is for the death of the thread that
// started the process, and Go's threads come and go.)
func Child() {
	if os.Getenv(childEnv) != "" {
		beChild(openStream)
	}
}

// beChild captures until the standard input ends.
func beChild(open func(*task) (Stream, error)) {
	// Interrupts of a terminal and of a service's group are for the parent, which
	// goes on sending what was captured.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// The kernel, if it runs out of memory, takes a source before the collector. A
	// failure costs no more than that.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0)
	_ = os.WriteFile("/proc/self/comm", []byte("framebeam-src"), 0)
	// Frames are not allocated by Go here, so there is next to nothing to collect.
	debug.SetGCPercent(50)
	pixels.SingleThreaded()

	tasks := make(chan *task)
	go func() {
		for {
			t, err := readTask(os.Stdin)
			if err != nil {
				os.Exit(0) // also while a call to OpenCV or FFmpeg hangs
			}
			tasks <- t
		}
	}()
	if err := serve(tasks, os.NewFile(reportsFd, "reports"), open, systemClock); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve plays tasks until there are no more, and reports.
func serve(tasks <-chan *task, w io.Writer, open func(*task) (Stream, error), clock clock) error {
	out, err := report.NewWriter(w)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	box := newOutbox(out)
	defer box.close()
	p := &player{out: box, open: open, clock: clock, digests: map[string]string{}}
	for t := range tasks {
		end := new(report.Ended)
		if err := p.play(t); err != nil {
			end.Reason, end.Kind = err.Error(), string(KindOf(err))
		}
		if err := box.post(end); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}
