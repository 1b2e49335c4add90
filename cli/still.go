package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/history/period"
)

func newStill() *cobra.Command {
	c := &cobra.Command{
		Use:   "still",
		Short: "Save a camera's frame of a moment",
		Long: `Save the frame of a camera that was captured at a moment, or last before it, as a JPEG or PNG.
It comes from the archive, or else from Kafka; with --output its place is known at once, and what
was found can be drawn into it. Without it the log is searched by the records' timestamps.`,
		Example: "  " + program.This + " --camera gate --at \"2024-05-01 15:00\" --archive archive --save gate.jpg\n" +
			"  " + program.This + " --camera gate --at -10m --output out --brokers localhost:9092 --boxes --save gate.jpg",
	}
	f := c.Flags()
	from := newFrameFlags(f)
	camera := flags.Cameras(f)
	at := f.String("at", "now", "the `moment`, said like --from of other commands: \"2024-05-01 15:00\", 15:00 (of today), \"yesterday 15:00\", now, -2h")
	zone := flags.Zone(f)
	boxes := flags.Boxes(f)
	save := flags.SaveOrTo(f)
	c.RunE = func(c *cobra.Command, args []string) error {
		where, err := from.where()
		errs := []error{program.NoArguments(args), err, oneCamera(*camera), flags.NeedSave(*save)}
		in, err := period.Zone(*zone)
		errs = append(errs, err)
		var moment time.Time
		if err == nil {
			if moment, err = period.Moment(*at, in, time.Now()); err != nil {
				errs = append(errs, fmt.Errorf("--at: %w", err))
			}
		}
		ext := strings.ToLower(path.Ext(*save))
		switch ext {
		case ".jpeg":
			ext = ".jpg"
		case ".jpg", ".png":
		default:
			if strings.TrimSpace(*save) != "" { // that it is missing is said above
				errs = append(errs, fmt.Errorf("--save=%s: a still is a .jpg or a .png", *save))
			}
		}
		if *boxes && where.Output == "" {
			errs = append(errs, errNoBoxes)
		}
		if err := errors.Join(errs...); err != nil {
			return program.Wrong(err)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		still, err := saveStill(ctx, where, *camera, moment, clip.Form{Boxes: *boxes, Zone: in}, ext, *save)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "%s: camera %s, %s\n", *save, *camera, still.Row.At().In(in).Format("2006-01-02 15:04:05.000 MST"))
		return nil
	}
	return c
}

var errNoBoxes = errors.New("--boxes: what was found is in an output: name it with --output")

func saveStill(ctx context.Context, where clip.Where, camera string, at time.Time, form clip.Form, ext, save string) (still *clip.Still, err error) {
	s, err := clip.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if still, err = s.Still(ctx, camera, at, form, ext); err != nil {
		return nil, err
	}
	return still, clip.WriteFile(ctx, save, still.Data)
}
