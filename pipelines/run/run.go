package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/framebeam/framebeam/broker"
	"github.com/framebeam/framebeam/ingest/collector"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/ingest/publish"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/transforms/analyses"
	"github.com/framebeam/framebeam/transforms/kafkasource"
)

const (
	topic      = "frames"
	partitions = 2
	// chunkSize is small, so that the films fill some chunks.
	chunkSize = 256
)

// cameras are the films that play the cameras. vtest.avi says 10 frames/s.
var cameras = []struct{ id, film string }{
	{"pedestrians", "vtest.avi"},
	{"megamind", "Megamind.avi"},
}

func run(ctx context.Context, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	kafka, err := broker.Start(broker.Options{Topics: []broker.Topic{{Name: topic, Partitions: partitions}}})
	if err != nil {
		return err
	}
	defer kafka.Close()
	if err := capture(ctx, out, kafka.Addrs()); err != nil {
		return err
	}
	until, err := job.Until("now")
	if err != nil {
		return err
	}
	start, err := job.Start("earliest")
	if err != nil {
		return err
	}
	j := job.Job{
		Runner: launch.Direct, Log: kafkasource.LogSpec{Kind: "kafka", Brokers: kafka.Addrs()}, Topic: topic,
		Output: filepath.Join(out, "results"), N: chunkSize, Start: start, Until: until, Analyses: analyses.Default(),
	}
	parts, err := j.Run(ctx)
	fmt.Println(parts)
	return err
}

// capture publishes the films, merged by capture time.
func capture(ctx context.Context, out string, brokers []string) error {
	yaml := "cameras:\n"
	for _, c := range cameras {
		path, err := samples.Path(c.film)
		if err != nil {
			return err
		}
		yaml += fmt.Sprintf("  - id: %s\n    source: %q\n", c.id, path)
	}
	file := filepath.Join(out, "cameras.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o644); err != nil {
		return fmt.Errorf("write the cameras' configuration: %w", err)
	}
	cfg, err := config.Load(file, config.CloudEvents)
	if err != nil {
		return err
	}
	begun := time.Now()
	s, err := collector.Run(ctx, cfg, collector.Options{Publish: publish.Options{Brokers: brokers, Topic: topic}})
	if err != nil {
		return err
	}
	total := s.Total()
	fmt.Printf("captured %d frames in %.1f s\n", total.Captured, time.Since(begun).Seconds())
	return nil
}
