package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/transforms/frame"
)

// A live job's cameras, evenly over the partitions, and how many frames of each it
// analyses: what a frame costs is the difference.
const (
	liveCameras    = 8
	livePartitions = 4
	liveRate       = 10 // frames a second of a camera
	liveShort      = 5 * liveRate
	liveLong       = 25 * liveRate
	// liveStart is about how long a job needs until it reads.
	liveStart = 3 * time.Second
)

// measureLive compares a job that follows cameras with the bare loop, which has all
// frames at once.
func measureLive(ctx context.Context, b *bencher) ([]sample, error) {
	bare, err := b.run(ctx, "bare loop on "+jpegTopic, "bare analysis", params{Topic: jpegTopic, Frames: jpegLong})
	if err != nil {
		return nil, err
	}
	var costs [2]cost
	for i, each := range []int64{liveShort, liveLong} {
		from := b.live
		b.live += each * liveCameras / livePartitions
		camerasDone := make(chan error, 1)
		cameras, stop := context.WithCancel(ctx)
		go func() {
			_, err := b.run(cameras, "cameras", "cameras", params{Topic: liveTopic, Frames: each, Warm: from, Live: true})
			camerasDone <- err
		}()
		costs[i], err = b.run(ctx, fmt.Sprintf("live, %d cameras, %d frames of each", liveCameras, each), "live",
			params{Topic: liveTopic, Frames: b.live, Warm: from, Live: true})
		if err != nil {
			stop()
		}
		err = errors.Join(err, <-camerasDone)
		stop()
		if err != nil {
			return nil, err
		}
	}
	return []sample{{ms(marginal(costs[0], costs[1])), ms(bare.CPU) / float64(bare.Frames)}}, nil
}

// live analyses each partition from offset p.Warm to p.Frames, while these come.
func live(ctx context.Context, p params) (cost, error) {
	c, err := pipeline(ctx, p)
	if want := livePartitions * (p.Frames - p.Warm); err == nil && c.Frames != want {
		err = fmt.Errorf("%d frames, want %d", c.Frames, want)
	}
	return c, err
}

// cameras publishes p.Frames frames of each camera as they would come, in an epoch of
// its own.
func cameras(ctx context.Context, p params) (c cost, err error) {
	cfg, err := config.Load(p.Config, config.CloudEvents)
	if err != nil {
		return c, err
	}
	var film []frame.Frame
	err = capture.New(cfg.Cameras[0], capture.Options{}).Run(ctx, func(f *frame.Frame) error {
		if film = append(film, *f); int64(len(film)) == p.Frames {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		return c, errors.Join(err, errors.New("the film is too short"))
	}
	pub, err := publish.Open(ctx, publish.Options{Brokers: p.Brokers, Topic: p.Topic})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, pub.Close(ctx)) }()
	ids := evenly(liveCameras, livePartitions)
	begin := time.Now().Add(liveStart)
	for n := range film {
		for i, id := range ids {
			// They are not in step.
			at := begin.Add(time.Duration(n)*time.Second/liveRate + time.Duration(i)*time.Second/liveRate/liveCameras)
			select {
			case <-ctx.Done():
				return c, ctx.Err()
			case <-time.After(time.Until(at)):
			}
			f := film[n]
			f.Camera, f.Epoch, f.Sequence, f.Captured = id, fmt.Sprintf("live-%d", p.Warm), int64(n), at
			if err := pub.Publish(ctx, f.CloudEvent()); err != nil {
				return c, err
			}
			c.Frames++
		}
	}
	return c, nil
}

// evenly gives ids of n cameras of which each partition has as many.
func evenly(n, partitions int) []string {
	ids, of := make([]string, 0, n), make([]int, partitions)
	all := make([]int, partitions)
	for i := range all {
		all[i] = i
	}
	for i := 0; len(ids) < n; i++ {
		id := fmt.Sprintf("camera-%d", i)
		p := (&kafka.Murmur2Balancer{Consistent: true}).Balance(kafka.Message{Key: []byte(id)}, all...)
		if of[p] < n/partitions {
			of[p]++
			ids = append(ids, id)
		}
	}
	return ids
}
