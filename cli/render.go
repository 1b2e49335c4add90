// Command render draws what was found in the frames: a zip file of annotated
// pictures per chunk of an output folder, at any time after the analysis. The
// frames come from an archive or from Kafka.
//
//	go run ./pipelines/render --runner=direct --output out --archive archive
//	go run ./pipelines/render --runner=direct --output out --brokers localhost:9092 --images=all --camera gate --sheets
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/render/rendering"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
)

func main() {
	out := flag.String("output", "", "the output `folder` that analyze or reprocess wrote; pictures go to its folders images and, of chunks that are not full yet, _partial/images")
	root := flag.String("archive", "", "the archive `folder` with the frames, instead of --brokers")
	kafka := connect.DefineFlags(flag.CommandLine, "")
	images := flag.String("images", picture.WithDetections, "which `frames`: events (the snapshots of what has happened), detections (in which something was found) or all; pictures that are there stay")
	cameras := flag.String("camera", "", "only these `cameras`, id,…: each gets packs of its own, images/camera=<id>/…")
	sheets := flag.Bool("sheets", false, "draw a contact sheet per camera too, in the folder sheets")
	launch.Init()

	j := rendering.Job{Output: *out, Which: *images, Cameras: launch.List(*cameras), Sheets: *sheets, Progress: launch.Interval}
	var errs []error
	var err error
	j.Runner, err = launch.Runner()
	errs = append(errs, err)
	if strings.TrimSpace(j.Output) == "" {
		errs = append(errs, errors.New("--output is missing"))
	}
	switch {
	case *root != "" && kafka.Brokers != "":
		errs = append(errs, errors.New("--archive and --brokers are both given: frames come from one of them"))
	case *root != "":
		j.Log = log.Spec{Kind: archive.Kind, Root: *root}
	case kafka.Brokers != "":
		j.Log = log.Spec{Kind: "kafka", Connection: kafka.Connection}
		j.Log.Brokers, err = kafka.Check()
		errs = append(errs, err, launch.CheckConnection(j.Runner, kafka.Connection))
	default:
		errs = append(errs, errors.New("--archive or --brokers is missing: where the frames are"))
	}
	if !slices.Contains(picture.Choices, *images) {
		errs = append(errs, fmt.Errorf("--images=%s: not one of %s", *images, strings.Join(picture.Choices, ", ")))
	}
	if err := (picture.RenderConfig{Cameras: j.Cameras}).Validate(); err != nil {
		errs = append(errs, fmt.Errorf("--camera: %w", err))
	}
	os.Exit(launch.Main(launch.Command{
		Again: "run it again to get all pictures",
		Run:   func(ctx context.Context) error { return run(ctx, &j) },
	}, errors.Join(errs...)))
}

// told says what was made and where it lies.
func told(output string, cameras []string, done picture.Rendered) string {
	folder := "images"
	if len(cameras) > 0 {
		folder += "/camera=" + strings.Join(cameras, "|")
	}
	var where []string
	if n := done.Packs - done.Partial; n > 0 {
		where = append(where, fmt.Sprintf("%d below %s/%s", n, output, folder))
	}
	if done.Partial > 0 {
		where = append(where, fmt.Sprintf("%d below %s/_partial/%s, of chunks that are not full yet", done.Partial, output, folder))
	}
	return strings.TrimSuffix(fmt.Sprintf("%d pictures in %d files: %s", done.Pictures, done.Packs, strings.Join(where, ", ")), ": ")
}

func run(ctx context.Context, j *rendering.Job) error {
	done, err := j.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Println(told(j.Output, j.Cameras, done.Rendered))
	if done.Missing > 0 {
		fmt.Printf("%d frames are not, or no longer, where they should be read from; \"missing frames.txt\" in the files says which\n", done.Missing)
	}
	if done.Kept > 0 {
		fmt.Printf("%d files made earlier were kept, since new ones would lack frames\n", done.Kept)
	}
	for _, s := range done.Sheets {
		fmt.Printf("contact sheet: %s/%s\n", j.Output, s)
	}
	return nil
}
