package doctor

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"github.com/framebeam/framebeam/alerts/config"
	"github.com/framebeam/framebeam/history/clip/movie"
	cameraconfig "github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// program looks at the libraries that this program runs with.
func program(context.Context, *What) []Finding {
	r := &report{check: "OpenCV"}
	switch v := pixels.Version(); {
	case strings.HasPrefix(v, "4.6."):
		r.ok("%s", pixels.Build())
	default:
		r.warn("results are promised to be the same bytes for one build of OpenCV: use the same on all machines, and after an update do not go on with an output if its bytes matter",
			"%s; tested with 4.6", pixels.Build())
	}
	f := &report{check: "FFmpeg"}
	if err := movie.Check(movie.MP4); err != nil {
		f.warn("install Debian's FFmpeg libraries with an encoder for H.264: without one clips can only be GIFs or images", "%v", err)
	} else {
		f.ok("films can be written")
	}
	return append(r.all, f.all...)
}

const (
	// filesLeast is how many open files a process should be allowed; a collector needs some
	// for each camera besides.
	filesLeast, filesPerCamera = 1024, 32
	// memoryPerCamera is what a camera's process takes (README), and memoryLeast what the rest does.
	memoryPerCamera, memoryLeast = 100 << 20, 500 << 20
)

// machine looks at the limits of this process and machine.
func machine(_ context.Context, w *What) []Finding {
	r := &report{check: "open files"}
	n := 0
	if cfg, err := loadCameras(w.Cameras); err == nil && cfg != nil {
		n = len(cfg.Cameras)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		r.warn("", "the limit cannot be asked for: %v", err)
	} else if want := uint64(filesLeast + n*filesPerCamera); limit.Max < want {
		r.warn(fmt.Sprintf("raise it to %d: LimitNOFILE= of a unit, ulimit -n of a shell", want), "at most %d", limit.Max)
	} else {
		r.ok("at most %d", limit.Max)
	}
	m := &report{check: "memory"}
	free, err := available()
	want := uint64(memoryLeast + n*memoryPerCamera)
	switch {
	case err != nil:
		m.warn("", "it cannot be asked for: %v", err)
	case free < want:
		m.warn(fmt.Sprintf("about %s are needed (%d cameras): add memory, or raise the limit of the container or unit", humanize.IBytes(want), n), "%s available", humanize.IBytes(free))
	default:
		m.ok("%s available, %d processors", humanize.IBytes(free), runtime.NumCPU())
	}
	return append(r.all, m.all...)
}

// available is the memory that this process can still have: the machine's, or its control
// group's if that is less.
func available() (uint64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var free uint64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			kb, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
			if err != nil {
				return 0, err
			}
			free = kb << 10
		}
	}
	limit, okLimit := number("/sys/fs/cgroup/memory.max")
	used, okUsed := number("/sys/fs/cgroup/memory.current")
	if okLimit && okUsed && limit > used {
		free = min(free, limit-used)
	}
	return free, nil
}

func number(file string) (uint64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil // "max" is no limit
}

// driftMost is how far a clock may be off: a second begins a new epoch of a live camera.
const driftMost = time.Second

// clock looks whether the machine's clock is set by NTP or the like.
func clock(context.Context, *What) []Finding {
	r := &report{check: "clock"}
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	const advice = "run chrony or systemd-timesyncd: capture times, and the order of cameras' events, follow the clock"
	off := time.Duration(t.Maxerror) * time.Microsecond
	switch {
	case err != nil:
		r.warn(advice, "the kernel does not say whether it is synchronised: %v", err)
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		r.warn(advice, "nobody sets it (the kernel says that it is not synchronised)")
	case off > driftMost:
		r.warn(advice, "it may be off by %v", off.Round(time.Millisecond))
	default:
		r.ok("synchronised, off by %v at most", off.Round(time.Millisecond))
	}
	return r.all
}

func loadCameras(file string) (*cameraconfig.Config, error) {
	if file == "" {
		return nil, nil
	}
	return cameraconfig.Load(file, cameraconfig.CloudEvents)
}

// cameras looks at the file of cameras.
func cameras(_ context.Context, w *What) []Finding {
	if w.Cameras == "" {
		return nil
	}
	r := &report{check: "cameras " + w.Cameras}
	cfg, err := loadCameras(w.Cameras)
	if err != nil {
		r.fail("correct the file; framebeam ingest check tries the cameras themselves", "%v", err)
	} else {
		r.ok("%d cameras; framebeam ingest check tries them", len(cfg.Cameras))
	}
	return r.all
}

// analyses looks at the file of analyses and all that it names: networks by their digests,
// cascades, programs.
func analyses(_ context.Context, w *What) []Finding {
	if w.Analyses == "" {
		return nil
	}
	r := &report{check: "analyses " + w.Analyses}
	cfg, err := profiles.Load(w.Analyses)
	if err == nil {
		_, err = cfg.Stages()
	}
	if err != nil {
		r.fail("correct the file, or what it names: a model with another digest is another model", "%v", err)
	} else {
		r.ok("right, and what it names is there, with its digests")
	}
	return r.all
}

// alertRules looks at the file of alerts and the secrets that it names.
func alertRules(_ context.Context, w *What) []Finding {
	if w.Alerts == "" {
		return nil
	}
	r := &report{check: "alerts " + w.Alerts}
	cfg, err := config.Load(w.Alerts)
	if err != nil {
		r.fail("correct the file, or the secrets that it names", "%v", err)
		return r.all
	}
	defer cfg.Close()
	r.ok("%d rules, %d targets; framebeam alert test tries them", len(cfg.Rules), len(cfg.Targets))
	return r.all
}
