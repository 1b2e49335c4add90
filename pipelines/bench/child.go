package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"syscall"
	"time"
)

// childArg as the first argument makes this program one of its own child
// processes: childArg, the work's name, and its parameters as JSON.
const childArg = "child"

// work is what a child process can be told to do.
var work = map[string]func(context.Context, params) (cost, error){
	"pipeline":       pipeline,
	"engine":         onEngine,
	"bare analysis":  bareAnalysis,
	"collector":      collect,
	"python":         consumePython,
	"bare collector": bareCollect,
	"live":           live,
	"cameras":        cameras,
	"make history":   makeHistory,
	"ask history":    askHistory,
	"read history":   readHistory,
	"moved line":     movedLine,
	"stored rows":    storedRows,
	"other motion":   otherMotion,
	"graph":          onGraph,
	"bare graph":     bareGraph,
}

// params are the parameters of a child's work; each uses some of them.
type params struct {
	Brokers []string
	Topics  []string // to fill
	Topic   string
	Frames  int64 // of the topic, from its beginning
	Warm    int64 // of these, how many at least come before those that count
	Quality bool
	Config  string // file of the collector's configuration
	Scratch string // folder for what is written
	Profile string // file to write a CPU profile to
	Engine  string // to run on, with its servers in Stack
	Stack   string
	Live    bool // follow the topic instead of reading up to an end
	Slots   int  // parallelism of the engine
}

// cost is what some work took.
type cost struct {
	Frames int64
	Boxes  int64         // found in them
	CPU    time.Duration // user and system, all threads
	Wall   time.Duration
	Memory int64 // peak of the process, bytes
}

// measure runs f, with what came before cleared away, and says what it took but
// for frames and boxes.
func measure(profile string, f func() error) (c cost, err error) {
	if profile != "" {
		if err := os.MkdirAll(filepath.Dir(profile), 0o755); err != nil {
			return c, fmt.Errorf("profile: %w", err)
		}
		w, err := os.Create(profile)
		if err != nil {
			return c, fmt.Errorf("profile: %w", err)
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		if err := pprof.StartCPUProfile(w); err != nil {
			return c, fmt.Errorf("profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	before, err := usage()
	if err != nil {
		return c, err
	}
	begun := time.Now()
	if err := f(); err != nil {
		return c, err
	}
	wall := time.Since(begun)
	after, err := usage()
	if err != nil {
		return c, err
	}
	return cost{CPU: after.cpu - before.cpu, Wall: wall, Memory: after.memory}, nil
}

// used is what this process and those it started, that have ended, have used.
type used struct {
	cpu    time.Duration
	memory int64 // peak of this one, and of the largest of the others
}

func usage() (u used, err error) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err != nil {
			return u, fmt.Errorf("getrusage: %w", err)
		}
		u.cpu += time.Duration(r.Utime.Nano() + r.Stime.Nano())
		u.memory += r.Maxrss << 10
	}
	return u, nil
}

// beChild does one work and prints what it cost.
func beChild(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("%s: %d arguments, want a name and parameters", childArg, len(args))
	}
	var p params
	if err := json.Unmarshal([]byte(args[1]), &p); err != nil {
		return fmt.Errorf("%s %s: %w", childArg, args[0], err)
	}
	if args[0] == kafkaWork {
		return serve(ctx, p)
	}
	do, ok := work[args[0]]
	if !ok {
		return fmt.Errorf("%s: no work is called %q", childArg, args[0])
	}
	c, err := do(ctx, p)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(c)
}

// command is a child process about to be started.
func command(ctx context.Context, name string, p params) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode parameters: %w", err)
	}
	return exec.CommandContext(ctx, self, childArg, name, string(text)), nil
}

// run does work in a process of its own.
func run(ctx context.Context, name string, p params) (c cost, err error) {
	cmd, err := command(ctx, name, p)
	if err != nil {
		return c, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return c, fmt.Errorf("%s: %w\n%s", name, err, bytes.TrimSpace(stderr.Bytes()))
	}
	if err := json.Unmarshal(out, &c); err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}
