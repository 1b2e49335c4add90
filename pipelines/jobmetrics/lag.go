package jobmetrics

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/framebeam/framebeam/metrics"
	"github.com/framebeam/framebeam/pipelines/lag"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// How far an output is behind its log, by partition.
var (
	logBegin    = metrics.Gauge("framebeam_partition_log_begin_offset", "First offset that the log still has.", "topic", "partition")
	logEnd      = metrics.Gauge("framebeam_partition_log_end_offset", "Offset that the log's next record will have.", "topic", "partition")
	processed   = metrics.Gauge("framebeam_partition_processed_offset", "End of what readers of the output see, partial files too.", "topic", "partition")
	complete    = metrics.Gauge("framebeam_partition_complete_offset", "End of the contiguous complete chunks.", "topic", "partition")
	processedAt = metrics.Gauge("framebeam_partition_processed_timestamp_seconds", "The log's timestamp of the last record that was processed, since 1970.", "topic", "partition")
	lagFrames   = metrics.Gauge("framebeam_partition_lag_frames", "Offsets that the output is behind.", "topic", "partition")
	lagSeconds  = metrics.Gauge("framebeam_partition_lag_seconds", "How much older the last record is that was processed than the log's last one, by the log's timestamps; absent while it is not known.", "topic", "partition")
	catchUp     = metrics.Gauge("framebeam_partition_catch_up_seconds", "How long it will take to catch up; absent while it does not.", "topic", "partition")
	lostFrames  = metrics.Gauge("framebeam_partition_lost_frames", "Offsets that retention deleted before they were processed.", "topic", "partition")
	margin      = metrics.Gauge("framebeam_partition_retention_margin_frames", "Offsets that retention may still delete before it comes to what is not processed.", "topic", "partition")
	outputFree  = metrics.Gauge("framebeam_output_free_bytes", "Bytes free on the disk of the output, if that is local.").Joined(metrics.Lowest)
	outputSize  = metrics.Gauge("framebeam_output_size_bytes", "Bytes of that disk.").Joined(metrics.Lowest)
)

// How often is looked how far a job is: where it shows that itself, and else while somebody asks; how
// long a look may take; and for how long after a scrape it is thought that there will be another.
const (
	showEvery    = 2 * time.Second
	lookEvery    = 10 * time.Second
	lookPatience = 30 * time.Second
	askedFor     = 5 * time.Minute
)

// place is how far a job is.
type place struct {
	mu         sync.Mutex
	asked      time.Time
	lags       []lag.Lag
	free, size uint64 // of the disk; size 0: not known
}

// Watch says how far the job is behind, until the returned function is called, which waits for
// the last look. Nobody is asked while nobody scrapes, unless the job shows it to others too.
func (j *Job) Watch(ctx context.Context, output string, shows bool, look func(context.Context) ([]lag.Lag, error)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	every := lookEvery
	if shows {
		every = showEvery
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		var last time.Time
		told := ""
		for now := time.Now(); ; {
			if asked := j.place.wanted(now); (asked || shows) && now.Sub(last) >= every {
				last = now
				looking, end := context.WithTimeout(ctx, lookPatience)
				lags, err := look(looking)
				end()
				if err != nil && asked && ctx.Err() == nil && err.Error() != told {
					told = err.Error()
					slog.Warn("how far the job is behind cannot be measured; looking again", "reason", err)
				}
				j.place.set(ctx, lags, output)
			}
			select {
			case <-ctx.Done():
				return
			case now = <-tick.C:
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func (p *place) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lags, p.size = nil, 0
}

func (p *place) wanted(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.asked.IsZero() && now.Sub(p.asked) < askedFor
}

func (p *place) set(ctx context.Context, lags []lag.Lag, output string) {
	var free, size uint64
	if !strings.Contains(output, "://") {
		if folder, err := store.Open(ctx, output); err == nil {
			free, size, _ = folder.Space(ctx) // 0, 0: not known
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if lags != nil { // else what was seen last is the best that there is
		p.lags = lags
	}
	p.free, p.size = free, size
}

func (p *place) collect(v *metrics.Values) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = time.Now()
	if p.size > 0 {
		v.Set(outputFree, float64(p.free))
		v.Set(outputSize, float64(p.size))
	}
	for i := range p.lags {
		l := &p.lags[i]
		of := []string{l.Topic, strconv.Itoa(int(l.Partition.ID))}
		v.Set(logBegin, float64(l.Begin), of...)
		v.Set(logEnd, float64(l.End), of...)
		v.Set(processed, float64(l.Processed), of...)
		v.Set(complete, float64(l.Complete), of...)
		v.Set(lagFrames, float64(l.Frames()), of...)
		v.Set(lostFrames, float64(l.Lost()), of...)
		v.Set(margin, float64(l.Processed-l.Begin), of...)
		if !l.At.IsZero() {
			v.Set(processedAt, float64(l.At.UnixMilli())/1e3, of...)
		}
		if d := l.Behind(); d != lag.Unknown {
			v.Set(lagSeconds, d.Seconds(), of...)
		}
		if l.CatchUp != lag.Unknown {
			v.Set(catchUp, l.CatchUp.Seconds(), of...)
		}
	}
}
