package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/runner-configs/stack/servers"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/plan"
)

// measureFlink compares jobs on a Flink cluster on this machine with the same
// work on the direct runner and in the bare loop.
func measureFlink(ctx context.Context, b *bencher) (all []sample, err error) {
	err = b.withEngine(ctx, launch.Flink.Name, func(dir string) error {
		bare, direct, err := b.baseline(ctx)
		if err != nil {
			return err
		}
		live := func(label, topic string, frames int64, slots int) (cost, error) {
			return b.run(ctx, label, "engine", params{
				Topic: topic, Frames: frames, Warm: engineWarm, Quality: true, Engine: launch.Flink.Name, Stack: dir, Live: true, Slots: slots,
			})
		}
		ended, err := b.difference(ctx, "with an end on flink", params{Engine: launch.Flink.Name, Stack: dir, Slots: 1})
		if err != nil {
			return err
		}
		c, err := live("live on flink", longTopic, engineLong, 1)
		if err != nil {
			return err
		}
		perFrame := ms(c.CPU) / float64(c.Frames)
		all = []sample{{perFrame, bare}, {perFrame, direct}, {ended, bare}, {ended, direct}}
		var speed [2]float64
		for i := range speed {
			c, err := live(fmt.Sprintf("two cameras live on flink, slots: %d", i+1), pairTopic, 2*pairEach, i+1)
			if err != nil {
				return err
			}
			speed[i] = c.perSecond()
		}
		all = append(all, sample{speed[1], speed[0]})
		return nil
	})
	return all, err
}

func measureSpark(ctx context.Context, b *bencher) (all []sample, err error) {
	err = b.withEngine(ctx, launch.Spark.Name, func(dir string) error {
		bare, direct, err := b.baseline(ctx)
		if err != nil {
			return err
		}
		ours, err := b.difference(ctx, "on spark", params{Engine: launch.Spark.Name, Stack: dir})
		all = []sample{{ours, bare}, {ours, direct}}
		return err
	})
	return all, err
}

// withEngine does something while an engine's servers run in a folder.
func (b *bencher) withEngine(ctx context.Context, engine string, do func(dir string) error) (err error) {
	port, err := servers.FreePorts()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.dir, engine+"-") // a stack keeps the ports it was made with
	if err != nil {
		return fmt.Errorf("stack folder: %w", err)
	}
	s, err := servers.Up(ctx, servers.Config{Dir: dir, Services: []string{engine}, BasePort: port})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Down(context.WithoutCancel(ctx))) }()
	return do(s.Dir())
}

// baseline is what a frame costs in the bare loop and on the direct runner, in
// milliseconds of CPU.
func (b *bencher) baseline(ctx context.Context) (bare, direct float64, err error) {
	loop, err := b.run(ctx, "bare loop on "+jpegTopic, "bare analysis", params{Topic: jpegTopic, Frames: jpegLong})
	if err != nil {
		return 0, 0, err
	}
	perFrame, _, err := b.analyse(ctx, "direct runner", params{Topic: jpegTopic, Quality: true}, jpegShort, jpegLong)
	return ms(loop.CPU) / float64(loop.Frames), ms(perFrame), err
}

// difference is what a frame costs in a job with an end on an engine, in
// milliseconds of CPU of all its processes, by how much a long topic costs more than
// a short one. The first job does not count: the JVMs still compile.
func (b *bencher) difference(ctx context.Context, label string, p params) (float64, error) {
	var costs [3]cost
	for i, of := range []struct {
		label, topic string
		frames       int64
	}{
		{"the first " + label, longTopic, engineLong},
		{fmt.Sprintf("%s, %d frames", label, jpegShort), shortTopic, jpegShort},
		{fmt.Sprintf("%s, %d frames", label, engineLong), longTopic, engineLong},
	} {
		p.Topic, p.Frames, p.Quality = of.topic, of.frames, true
		var err error
		if costs[i], err = b.run(ctx, of.label, "engine", p); err != nil {
			return 0, err
		}
	}
	return ms(marginal(costs[1], costs[2])), nil
}

// written is how often a live job's output is looked at.
const written = 500 * time.Millisecond

// onEngine analyses a topic on an engine. What it took is that of the servers and
// their workers, and, in a job with an end, of this process.
func onEngine(ctx context.Context, p params) (cost, error) {
	stack, err := servers.Open(p.Stack)
	if err != nil {
		return cost{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	endpoint, options := stack.SparkJobServer(), stack.SparkJobOptions()
	if p.Engine == launch.Flink.Name {
		endpoint, options = stack.FlinkJobServer(), ""
	}
	flags := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	launch.DefineFlags(flags)
	for name, value := range map[string]string{
		"endpoint": endpoint, "engine-options": options, "flink-rest": stack.FlinkREST(), "worker-path": self, "parallelism": strconv.Itoa(max(p.Slots, 1)),
	} {
		if err := flags.Set(name, value); err != nil {
			return cost{}, err
		}
	}
	dir, err := os.MkdirTemp(p.Scratch, "output-")
	if err != nil {
		return cost{}, fmt.Errorf("output folder: %w", err)
	}
	defer os.RemoveAll(dir)
	j := job.Job{Log: logSpec(p), Topic: p.Topic, Output: dir, N: chunkfolder.DefaultN}
	until := "now"
	if p.Live {
		until = "never"
	}
	var errs [4]error
	j.Start, errs[0] = plan.Start("earliest")
	j.Until, errs[1] = plan.Until(until)
	j.Runner, errs[2] = launch.Named(p.Engine)
	j.SliceBytes = j.Runner.SliceBytes
	j.Analyses, errs[3] = analyses(p)
	if err := errors.Join(errs[:]...); err != nil {
		return cost{}, err
	}
	spent := func() (sum time.Duration) {
		for _, name := range stack.Names() {
			sum += stack.CPU(name)
		}
		return sum
	}
	if p.Live {
		return follow(ctx, &j, dir, p, spent)
	}
	before := spent()
	c, err := measure("", func() error {
		_, err := j.Run(ctx)
		return err
	})
	if err != nil {
		return cost{}, err
	}
	c.CPU += spent() - before
	c.Frames, c.Boxes, err = count(ctx, dir)
	return c, err
}

// follow runs a live job until the results of all frames are written. What it took
// begins to count when those of p.Warm frames are.
func follow(ctx context.Context, j *job.Job, dir string, p params, spent func() time.Duration) (cost, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		_, err := j.Run(ctx)
		ended <- err
	}()
	tick := time.NewTicker(written)
	defer tick.Stop()
	var warm struct {
		frames int64
		cpu    time.Duration
		at     time.Time
	}
	for {
		select {
		case err := <-ended:
			return cost{}, fmt.Errorf("the live job ended: %w", err)
		case <-tick.C:
		}
		n, boxes, err := count(ctx, dir)
		if err != nil || n < p.Warm { // perhaps there is no output yet
			continue
		}
		now := spent()
		if warm.at.IsZero() {
			warm.frames, warm.cpu, warm.at = n, now, time.Now()
		}
		if n < p.Frames {
			continue
		}
		if n == warm.frames {
			return cost{}, fmt.Errorf("all %d frames were there at once: nothing was measured", n)
		}
		c := cost{Frames: n - warm.frames, Boxes: boxes, CPU: now - warm.cpu, Wall: time.Since(warm.at)}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			return cost{}, err
		}
		return c, nil
	}
}
