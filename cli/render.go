package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/render/rendering"
	"github.com/framebeam/framebeam/transforms/picture"
)

func newRender() *cobra.Command {
	c := &cobra.Command{
		Use:   "render",
		Short: "Draw what was found into the frames",
		Long: `Draw what was found in the frames: a zip file of annotated pictures per chunk of an output
folder, at any time after the analysis. They go to its folders images and, of chunks that
are not full yet, _partial/images. The frames come from the archive, or else from Kafka.`,
		Example: "  " + program.This + " --output out --archive archive\n" +
			"  " + program.This + " --output out --brokers localhost:9092 --images all --camera gate --sheets",
	}
	f := c.Flags()
	out := flags.Output(f)
	root := flags.Archive(f)
	images := f.String("images", picture.WithDetections,
		"which `frames`: events (the snapshots of what has happened), detections (in which something was "+
			"found) or all; pictures that are there stay")
	cameras := flags.Cameras(f)
	sheets := f.Bool("sheets", false, "draw a contact sheet per camera too, in the folder sheets")
	kafka := flags.Kafka(f)
	engineFlags(c)
	flags.Choices(c, "images", picture.Choices...)
	c.RunE = func(c *cobra.Command, args []string) error {
		j := rendering.Job{Output: *out, Which: *images, Cameras: flags.List(*cameras), Sheets: *sheets, Progress: launch.Interval}
		errs := []error{program.NoArguments(args)}
		var err error
		j.Runner, err = launch.Runner()
		errs = append(errs, err)
		if strings.TrimSpace(j.Output) == "" {
			errs = append(errs, errors.New("--output is missing"))
		}
		j.Log, err = framesLog(f, *root, kafka, func() ([]string, error) { return connected(kafka, j.Runner) })
		errs = append(errs, err)
		if !slices.Contains(picture.Choices, *images) {
			errs = append(errs, fmt.Errorf("--images=%s: not one of %s", *images, strings.Join(picture.Choices, ", ")))
		}
		if err := (picture.RenderConfig{Cameras: j.Cameras}).Validate(); err != nil {
			errs = append(errs, fmt.Errorf("--camera: %w", err))
		}
		if err := errors.Join(errs...); err != nil {
			return program.Wrong(err)
		}
		return work(c, launch.Command{
			Again: "run it again to get all pictures",
			Run:   func(ctx context.Context) error { return render(ctx, &j, c.OutOrStdout()) },
		})
	}
	return c
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

// render draws, and says what was drawn.
func render(ctx context.Context, j *rendering.Job, w io.Writer) error {
	done, err := j.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, told(j.Output, j.Cameras, done.Rendered))
	if done.Missing > 0 {
		fmt.Fprintf(w, "%d frames are not, or no longer, where they should be read from; \"missing frames.txt\" in the files says which\n", done.Missing)
	}
	if done.Kept > 0 {
		fmt.Fprintf(w, "%d files made earlier were kept, since new ones would lack frames\n", done.Kept)
	}
	for _, s := range done.Sheets {
		fmt.Fprintf(w, "contact sheet: %s/%s\n", j.Output, s)
	}
	return nil
}
