package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/history/period"
)

func newPicture() *cobra.Command {
	c := &cobra.Command{
		Use:   "picture event",
		Short: "Draw the picture that explains an event",
		Long: `Draw the picture that explains an event of an output: its line or zone, the object concerned
and where it came from, what happened and when, on the frame that shows it best. The event is
named by its id, or by as much of it as only one has. Its chunk may be one that is not full yet.
The frame comes from the archive, or else from Kafka.`,
		Example: "  " + program.This + " 3f2a9c01 --output out --archive archive --save crossing.jpg",
	}
	f := c.Flags()
	from := newFrameFlags(f)
	zone := flags.Zone(f)
	save := flags.SaveOrTo(f)
	c.RunE = func(c *cobra.Command, args []string) error {
		var errs []error
		if len(args) == 1 {
			errs = append(errs, clip.CheckID(args[0]))
		} else {
			errs = append(errs, fmt.Errorf("%d events are named, not one", len(args)))
		}
		where, err := from.where()
		errs = append(errs, err, flags.NeedSave(*save))
		if where.Output == "" {
			errs = append(errs, errors.New("--output is missing"))
		}
		in, err := period.Zone(*zone)
		if err := errors.Join(append(errs, err)...); err != nil {
			return program.Wrong(err)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		e, err := savePicture(ctx, where, args[0], in, *save)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "%s: %s %s of camera %s, %s\n", *save, e.Type, e.Transition, e.Row.Camera, e.Row.At().In(in).Format("2006-01-02 15:04:05.000 MST"))
		return nil
	}
	return c
}

func savePicture(ctx context.Context, where clip.Where, id string, zone *time.Location, save string) (e *clip.Event, err error) {
	s, err := clip.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if e, err = clip.Find(ctx, s.Scan(), id); err != nil {
		return nil, err
	}
	data, err := s.Picture(ctx, e, zone)
	if err != nil {
		return nil, err
	}
	return e, clip.WriteFile(ctx, save, data)
}
