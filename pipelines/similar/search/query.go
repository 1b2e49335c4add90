// Command similar lists the frames of an output folder that look most like a picture,
// the most alike first. It compares the features that the analyses histogram,
// perceptual_hash and keypoints stored with the results, and reads no frames.
//
//	go run ./pipelines/similar --output out --to picture.jpg
//	go run ./pipelines/similar --output out --to frames/0@1234 --by keypoints --limit 5
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/commandline"
	_ "github.com/framebeam/framebeam/transforms/files/hdfsfs" // hdfs://
	"github.com/framebeam/framebeam/transforms/frame"
)

// query says what to look for and how many to print.
type query struct {
	output, to, by string
	camera, format string
	limit          int
	apart          time.Duration
}

func main() {
	var q query
	flag.StringVar(&q.output, "output", "", "the output `folder`")
	flag.StringVar(&q.to, "to", "", "what is looked for: a JPEG or PNG `file`, or a frame of the output as topic/partition@offset")
	flag.StringVar(&q.by, "by", "", "the `analysis` whose features are compared: histogram, perceptual_hash or keypoints (default: the first of them that is in the results)")
	flag.StringVar(&q.camera, "camera", "", "only this camera")
	flag.IntVar(&q.limit, "limit", 20, "most frames that are listed")
	flag.DurationVar(&q.apart, "apart", 10*time.Second, "time is cut into stretches of this length, and the best frame of each camera in each is listed; 0: every frame")
	flag.StringVar(&q.format, "format", "text", "text or jsonl")
	commandline.ParseOrExit()
	if bad := q.check(flag.Args()); bad != nil {
		fmt.Fprintln(os.Stderr, bad)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := similar(ctx, q, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check returns everything that is wrong with the command line.
func (q *query) check(args []string) error {
	var bad []error
	if len(args) > 0 {
		bad = append(bad, fmt.Errorf("unexpected argument %q", args[0]))
	}
	if strings.TrimSpace(q.output) == "" {
		bad = append(bad, errors.New("--output is missing"))
	}
	if q.to == "" {
		bad = append(bad, errors.New("--to is missing"))
	}
	if _, ok := kinds[q.by]; q.by != "" && !ok {
		bad = append(bad, fmt.Errorf("--by=%s: not histogram, perceptual_hash or keypoints", q.by))
	}
	if q.camera != "" && !frame.ValidCamera(q.camera) {
		bad = append(bad, fmt.Errorf("--camera=%s: not a camera id; one of the JSON wire would be %q", q.camera, frame.CameraID(q.camera)))
	}
	if q.limit < 1 || q.limit > 1_000_000 {
		bad = append(bad, fmt.Errorf("--limit=%d: not 1 to 1000000", q.limit))
	}
	if q.apart != 0 && q.apart < time.Microsecond {
		bad = append(bad, fmt.Errorf("--apart=%v: neither 0 nor at least 1µs", q.apart))
	}
	if !slices.Contains([]string{"text", "jsonl"}, q.format) {
		bad = append(bad, fmt.Errorf("--format=%s: not text or jsonl", q.format))
	}
	return errors.Join(bad...)
}
