package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// simulation is what happens to a layout. Time goes in steps of a second.
//
// In a step every camera that is up delivers the frames that fell due, shifted by
// its jitter, to the partition that its id hashes to. The workers then analyse
// what lies in the partitions: a reader at most what one core decodes, a worker
// at most what its slots do, shared among its partitions by what they want.
// During the outage nothing is analysed, as when Flink restarts a job; after it
// the work since the last checkpoint is done again. A chunk is complete when its
// last frame was analysed.
//
// Left out: Kafka and HDFS are always there and fast enough; all work on a frame
// is done by the worker that reads it, while in truth the sequence stage is spread
// by camera, which evens workers out; results count as written at once, while a
// file also waits for the bundle and the rename; frames all cost the same.
type simulation struct {
	seed       uint64
	length     time.Duration
	outageAt   time.Duration
	jitter     time.Duration // at most a step
	cameraUp   time.Duration // mean time between a camera's outages; 0: none
	cameraDown time.Duration // mean length
}

func (s *simulation) define(fs *flag.FlagSet) {
	fs.Uint64Var(&s.seed, "seed", 1, "simulation: the same seed gives the same numbers")
	fs.DurationVar(&s.length, "simulate-for", time.Hour, "simulation: `how long`")
	fs.DurationVar(&s.outageAt, "outage-at", 15*time.Minute, "simulation: when the workers stop, for --outage")
	fs.DurationVar(&s.jitter, "jitter", 500*time.Millisecond, "simulation: delay of a frame, at most; up to 1s")
	fs.DurationVar(&s.cameraUp, "camera-up", 6*time.Hour, "simulation: mean time between a camera's outages; 0: none")
	fs.DurationVar(&s.cameraDown, "camera-down", time.Minute, "simulation: their mean length")
}

func (s *simulation) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(s.length >= time.Second && s.length <= day, "--simulate-for=%v: must be 1s to 24h", s.length)
	check(s.outageAt >= 0, "--outage-at=%v: must not be negative", s.outageAt)
	check(s.jitter >= 0 && s.jitter <= time.Second, "--jitter=%v: must be 0s to 1s", s.jitter)
	check(s.cameraUp >= 0, "--camera-up=%v: must not be negative", s.cameraUp)
	check(s.cameraDown >= time.Second, "--camera-down=%v: must be at least 1s", s.cameraDown)
	return errors.Join(errs...)
}

// outcome is what a simulation saw.
type outcome struct {
	cameras   []int     // by partition
	lagMax    []float64 // by step: age in seconds of the oldest frame not analysed, of the partition that is last
	lagMean   []float64 // by step: the mean over the partitions
	chunks    []float64 // seconds from a chunk's first frame until it was complete, ascending
	caughtUp  float64   // seconds from the outage's end until no partition lags more than 2 s; +Inf if never
	arrived   int64
	analysed  int64 // without what was done again
	doneAgain int64
}

// partition is one partition of the topic and its reader.
type partition struct {
	arrived  []int64 // by step: frames so far
	read     int64   // frames analysed so far
	oldest   int     // the step in which the first frame not yet analysed arrived
	rest     float64 // of a frame, analysed in the last step
	began    []int   // by open or complete chunk: the step of its first frame
	complete int64   // chunks
}

// camera is a source of frames.
type camera struct {
	partition int
	due       float64 // frames since the beginning, those of outages left out
	sent      int64
	up        bool
}

// simulate runs the layout's workload. The result depends on its arguments alone.
func simulate(l *Layout, s simulation) outcome {
	rng := rand.New(rand.NewPCG(s.seed, 0)) //nolint:gosec // to be the same again
	of := spread(l.Cameras, l.Partitions)
	out := outcome{cameras: counts(of, l.Partitions), caughtUp: math.Inf(1)}
	parts := make([]partition, l.Partitions)
	cameras := make([]camera, l.Cameras)
	for i := range cameras {
		cameras[i] = camera{partition: of[i], due: rng.Float64(), up: true}
	}
	steps := int(s.length / time.Second)
	stop := int(s.outageAt / time.Second)
	start := stop + int(l.Outage/time.Second)
	for t := range steps {
		deliver(l, s, cameras, parts, rng, t)
		if t == stop && l.Outage > 0 {
			out.doneAgain = rollBack(parts, t-min(t, checkpointSecs))
		}
		if t < stop || t >= start {
			work(l, parts)
		}
		most, sum := 0.0, 0.0
		for i := range parts {
			p := &parts[i]
			out.chunks = append(out.chunks, p.finish(l.Chunk, t)...)
			lag := p.lag(t)
			most, sum = max(most, lag), sum+lag
		}
		out.lagMax = append(out.lagMax, most)
		out.lagMean = append(out.lagMean, sum/float64(len(parts)))
		if t >= start && most <= 2 && math.IsInf(out.caughtUp, 1) {
			out.caughtUp = float64(t - start + 1)
		}
	}
	for i := range parts {
		out.arrived += parts[i].arrived[steps-1]
		out.analysed += parts[i].read
	}
	slices.Sort(out.chunks)
	return out
}

// deliver appends the frames of step t to the partitions.
func deliver(l *Layout, s simulation, cameras []camera, parts []partition, rng *rand.Rand, t int) {
	fresh := make([]int64, len(parts))
	for i := range cameras {
		c := &cameras[i]
		if s.cameraUp > 0 {
			mean := s.cameraUp
			if !c.up {
				mean = s.cameraDown
			}
			if rng.Float64() < 1/mean.Seconds() {
				c.up = !c.up
			}
		}
		if c.up {
			c.due += l.FPS
		}
		late := rng.Float64() * s.jitter.Seconds() * l.FPS
		if n := int64(c.due-late) - c.sent; n > 0 {
			c.sent += n
			fresh[c.partition] += n
		}
	}
	for i := range parts {
		p := &parts[i]
		before := int64(0)
		if t > 0 {
			before = p.arrived[t-1]
		}
		p.arrived = append(p.arrived, before+fresh[i])
		for int64(len(p.began))*l.Chunk < before+fresh[i] {
			p.began = append(p.began, t)
		}
	}
}

// rollBack takes all partitions back to what had arrived by step t, which stands
// for the last checkpoint, and returns how many frames are to be done again.
func rollBack(parts []partition, t int) (again int64) {
	for i := range parts {
		p := &parts[i]
		if to := p.arrived[t]; to < p.read {
			again += p.read - to
			p.read, p.rest = to, 0
		}
		p.oldest = min(p.oldest, t)
	}
	return again
}

// work analyses for one second.
func work(l *Layout, parts []partition) {
	reader := 1000 / l.SourceMs
	slots := float64(min(l.Slots, l.Workers*l.Cores)) / float64(l.Workers)
	worker := slots * 1000 / l.pipelineMs()
	wants := make([]float64, l.Workers)
	want := func(p *partition) float64 {
		return min(reader, float64(p.arrived[len(p.arrived)-1]-p.read)-p.rest)
	}
	for i := range parts {
		wants[i%l.Workers] += want(&parts[i])
	}
	for i := range parts {
		p := &parts[i]
		share := 1.0
		if w := wants[i%l.Workers]; w > worker {
			share = worker / w
		}
		p.rest += want(p) * share
		whole := math.Floor(p.rest + 1e-9)
		p.read += int64(whole)
		p.rest = max(0, p.rest-whole)
	}
}

// finish returns how long the chunks took that were completed in step t.
func (p *partition) finish(n int64, t int) (took []float64) {
	for (p.complete+1)*n <= p.read {
		took = append(took, float64(t-p.began[p.complete]))
		p.complete++
	}
	return took
}

// lag is the age in seconds of the first frame not analysed at the end of step t,
// 0 if all were.
func (p *partition) lag(t int) float64 {
	for p.oldest <= t && p.arrived[p.oldest] <= p.read {
		p.oldest++
	}
	return float64(max(0, t+1-p.oldest))
}

func printSimulation(w io.Writer, l *Layout, s simulation) error {
	out := simulate(l, s)
	most, least := slices.Max(out.cameras), slices.Min(out.cameras)
	ratio := func(most int) string {
		return fmt.Sprintf("%.2f", float64(most*l.Partitions)/float64(l.Cameras))
	}
	if _, err := fmt.Fprintf(w, "%s cameras × %g frames/s on %s: %d partitions, %d slots, chunks of %s, seed %d\n\n",
		countExact(float64(l.Cameras)), l.FPS, l.Engine, l.Partitions, l.Slots, countExact(float64(l.Chunk)), s.seed); err != nil {
		return err
	}
	t := table{
		{"", "simulated", "computed"},
		{"cameras of a partition: least, most", fmt.Sprintf("%d, %d", least, most), fmt.Sprintf("%d, %d", l.LeastCameras, l.MostCameras)},
		{"busiest partition over the mean", ratio(most), ratio(l.MostCameras)},
		{"frames", countText(float64(out.arrived)), countText(l.Frames * s.length.Seconds())},
		{"done again after the outage", countText(float64(out.doneAgain)), "at most " + countText(l.Frames*checkpointSecs)},
		{"outage", secondsText(l.Outage.Seconds()), ""},
		{"caught up after", secondsText(out.caughtUp), secondsText(l.CatchUp)},
		{"a chunk, first frame to complete: median", secondsText(percentile(out.chunks, 50)), secondsText(l.Fill)},
		{"90 of 100", secondsText(percentile(out.chunks, 90)), ""},
		{"longest", secondsText(percentile(out.chunks, 100)), secondsText(l.FillSlowest) + " + outage"},
		nil,
		{"time", "lag, mean of partitions", "lag of the last partition"},
	}
	const rows = 12
	for i := range rows {
		step := (i+1)*len(out.lagMax)/rows - 1
		if step >= 0 {
			t = append(t, []string{(time.Duration(step+1) * time.Second).String(), secondsText(out.lagMean[step]), secondsText(out.lagMax[step])})
		}
	}
	return t.print(w)
}

// percentile is the value that p of 100 do not exceed; NaN of none.
func percentile(ascending []float64, p int) float64 {
	if len(ascending) == 0 {
		return math.NaN()
	}
	return ascending[max(0, (len(ascending)*p+99)/100-1)]
}
