package capture

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DurationBounds are the upper bounds of the classes of [Durations].
var DurationBounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second,
}

// Durations is how durations are spread.
type Durations struct {
	Count uint64
	Sum   time.Duration
	Below [len(DurationBounds)]uint64 // in each class; those above the last bound are in none
}

// durations counts [Durations].
type durations struct {
	mu sync.Mutex
	is Durations
}

func (d *durations) add(took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.is.Count++
	d.is.Sum += took
	for i, bound := range DurationBounds {
		if took <= bound {
			d.is.Below[i]++
			return
		}
	}
}

func (d *durations) get() Durations {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.is
}

// Usage is what the processes take, or took, that read a source.
type Usage struct {
	Starts   int64
	CPU      time.Duration // of all of them
	Resident int64         // bytes, of the one that runs; 0 if none does
}

// usage knows the processes that read a source.
type usage struct {
	starts atomic.Int64

	mu    sync.Mutex
	pid   int           // of the one that runs; 0: none
	ended time.Duration // CPU of those that have ended
	told  time.Duration // CPU that was said last
}

// begun says that a process was started.
func (u *usage) begun(pid int) {
	u.starts.Add(1)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.pid = pid
}

// end says that the process has ended.
func (u *usage) end(state *os.ProcessState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state != nil {
		u.ended += state.UserTime() + state.SystemTime()
	}
	u.pid = 0
}

func (u *usage) get() Usage {
	u.mu.Lock()
	defer u.mu.Unlock()
	is := Usage{Starts: u.starts.Load(), CPU: u.ended}
	if u.pid != 0 {
		is.CPU += cpu(u.pid)
		is.Resident = resident(u.pid)
	}
	// A process that has ended just now is nowhere for a moment.
	is.CPU = max(is.CPU, u.told)
	u.told = is.CPU
	return is
}

// userHz is the unit of times in /proc: 1/100 s on all of Linux' platforms for programs.
const userHz = 100

// cpu is what a process has taken; 0 if that cannot be found out.
func cpu(pid int) time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name, in brackets, may hold anything (proc(5)).
	_, after, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	fields := strings.Fields(after)
	const utime, stime = 11, 12 // fields 14 and 15 of all, two of which are before
	if len(fields) <= stime {
		return 0
	}
	var ticks int64
	for _, f := range fields[utime : stime+1] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / userHz)
}
