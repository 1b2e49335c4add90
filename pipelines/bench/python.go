package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed consumer.py
var consumer string

// python is Debian's, which has OpenCV; pythonPackages is where scripts/deps.sh bench
// puts what it has not.
const (
	python         = "/usr/bin/python3"
	pythonPackages = ".bench/python"
)

// skipped is why a family cannot be measured here.
type skipped struct{ error }

// consumePython is plain Python on the original's topic.
func consumePython(ctx context.Context, p params) (c cost, err error) {
	cmd := exec.CommandContext(ctx, python, "-c", consumer, strings.Join(p.Brokers, ","), p.Topic, strconv.FormatInt(p.Frames, 10))
	packages, err := filepath.Abs(pythonPackages)
	if err != nil {
		return c, fmt.Errorf("python: %w", err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	// One thread, as here: others only spin.
	cmd.Env = append(os.Environ(), "PYTHONPATH="+packages, "OPENCV_FOR_THREADS_NUM=1", "OMP_NUM_THREADS=1")
	out, err := cmd.Output()
	if err != nil {
		return c, fmt.Errorf("python: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	if err := json.Unmarshal(out, &c); err != nil {
		return c, fmt.Errorf("python: %w", err)
	}
	return c, nil
}

// hasPython reports whether Python has what its consumer needs.
func hasPython(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, python, "-c", "import confluent_kafka, cv2, numpy")
	packages, err := filepath.Abs(pythonPackages)
	if err != nil {
		return err
	}
	cmd.Env = append(os.Environ(), "PYTHONPATH="+packages)
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return skipped{errors.New("scripts/deps.sh bench installs what it needs: " + lines[len(lines)-1])}
	}
	return nil
}

// measureGzip compares with plain Python, which does the same work on the same
// topic: from Kafka to boxes. Both are what a frame more costs.
func measureGzip(ctx context.Context, b *bencher) ([]sample, error) {
	if err := hasPython(ctx); err != nil {
		return nil, err
	}
	var costs [2]cost
	for i, frames := range []int64{jsonShort, jsonLong} {
		var err error
		if costs[i], err = b.run(ctx, fmt.Sprintf("plain Python on gzip JSON, %d frames", frames), "python", params{Topic: gzipTopic, Frames: frames}); err != nil {
			return nil, err
		}
	}
	ours, boxes, err := b.analyse(ctx, "pipeline on gzip JSON, motion only", params{Topic: gzipTopic}, jsonShort, jsonLong)
	if err != nil {
		return nil, err
	}
	if boxes != costs[1].Boxes {
		return nil, fmt.Errorf("gzip JSON: %d boxes, Python finds %d: they do not do the same work", boxes, costs[1].Boxes)
	}
	return []sample{{ms(ours), ms(marginal(costs[0], costs[1]))}}, nil
}
