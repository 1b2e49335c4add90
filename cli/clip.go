package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/history/events"
)

// clipping is what the command clip is asked for.
type clipping struct {
	where         clip.Where
	form          clip.Form
	events        []string // ids
	filter        events.Filter
	limit         int
	before, after time.Duration
	save          string
	jsonl         bool
}

// around reports whether clips are around events.
func (p *clipping) around() bool { return len(p.events) > 0 || p.filter.Names() }

// many reports whether there may be several.
func (p *clipping) many() bool { return len(p.events) > 1 || p.filter.Names() }

func newClip() *cobra.Command {
	c := &cobra.Command{
		Use:   "clip",
		Short: "Cut a film out of the frames",
		Long: `Cut a film out of the frames of an archive, or else of a Kafka topic: around events, or of a
camera and a period. It is an MP4 with H.264 that a browser plays, a GIF, or images; its pictures
have the times of their capture, so where frames are missing the one before stays, and what is
printed says for how long. Frames that are damaged are left out, and told.

With --output the frames are found by its rows, and what was found can be drawn into them. Without
it the log is searched by the records' timestamps, from the first that is not before the period.`,
		Example: "  " + program.This + " --event 3f2a9c01 --before 5s --after 10s --boxes --output out --archive archive --save crossing.mp4\n" +
			"  " + program.This + " --camera gate --from \"2024-05-01 15:00\" --to \"2024-05-01 15:02\" --archive archive --save gate.mp4\n" +
			"  " + program.This + " --type LineDetector/Crossed --rule gate --from yesterday --limit 20 --output out --archive archive --save clips",
	}
	f := c.Flags()
	from := newFrameFlags(f)
	cameras := flags.Cameras(f)
	when := flags.Period(f)
	var p clipping
	events := f.String("event", "", "around these `events`, id,…; an id may be shortened")
	chosen := newEventFlags(f)
	f.IntVar(&p.limit, "limit", 20, "most `frames`, events or clips")
	f.DurationVar(&p.before, "before", 5*time.Second, "how long before an event its clip begins")
	f.DurationVar(&p.after, "after", 10*time.Second, "how long after an event its clip ends")
	f.StringVar(&p.form.As, "as", "", "what is made, a `form`: mp4, gif or images (default: as --save ends, else mp4)")
	f.DurationVar(&p.form.Longest, "longest", clip.DefaultLongest, "how long a clip may be; a longer one ends there, and that is told")
	boxes := flags.Boxes(f)
	save := flags.Save(f)
	format := flags.Format(c, "text", "jsonl")
	flags.Choices(c, "as", clip.Forms...)
	c.RunE = func(c *cobra.Command, args []string) error {
		now := time.Now()
		if file := when.ToFile(now); file != "" && *save == "" {
			*save = file
		}
		p.save, p.events, p.form.Boxes, p.jsonl = *save, flags.List(*events), *boxes, *format == "jsonl"
		errs := []error{program.NoArguments(args)}
		var err error
		p.filter, err = chosen.filter()
		errs = append(errs, err)
		p.filter.Cameras = flags.List(*cameras)
		p.where, err = from.where()
		errs = append(errs, err)
		p.filter.Period, err = when.Period(now)
		errs = append(errs, err)
		p.form.Zone = p.filter.Period.Location()
		errs = append(errs, flags.TextOrJSONL(*format))
		if err := errors.Join(append(errs, p.check())...); err != nil {
			return program.Wrong(err)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		return p.run(ctx, c.OutOrStdout())
	}
	return c
}

// check returns everything that is wrong, and fills in what follows from the rest.
func (p *clipping) check() error {
	if p.form.As == "" {
		p.form.As = clip.FormOf(p.save)
	}
	errs := []error{flags.NeedSave(p.save), p.form.Check()}
	for _, id := range p.events {
		if err := clip.CheckID(id); err != nil {
			errs = append(errs, fmt.Errorf("--event: %w", err))
		}
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{{"before", p.before}, {"after", p.after}} {
		if f.d < 0 || f.d > 24*time.Hour {
			errs = append(errs, fmt.Errorf("--%s=%v: not 0s to 24h", f.name, f.d))
		}
	}
	if p.limit < 1 || p.limit > 100_000 {
		errs = append(errs, fmt.Errorf("--limit=%d: not 1 to 100000", p.limit))
	}
	switch span := p.filter.Period; {
	case len(p.events) > 0 && p.filter.Names():
		errs = append(errs, errors.New("--event names events, and so do the flags that choose some: give one of them"))
	case p.around() && p.where.Output == "":
		errs = append(errs, errors.New("--output is missing: events are in it"))
	case p.around():
		if l := p.before + p.after; l > p.form.Longest {
			errs = append(errs, fmt.Errorf("--before and --after are %v together, more than --longest=%v", l, p.form.Longest))
		}
	case len(p.filter.Cameras) == 0:
		errs = append(errs, errors.New("neither events nor a camera are named: --event, --type, … or --camera"))
	default:
		errs = append(errs, oneCamera(strings.Join(p.filter.Cameras, ",")))
		if l := span.To.Sub(span.From); !span.From.IsZero() && !span.To.IsZero() && l > p.form.Longest && len(span.During) == 0 {
			errs = append(errs, fmt.Errorf("from --from to --to it is %v, more than --longest=%v", l, p.form.Longest))
		}
	}
	if p.form.Boxes && p.where.Output == "" {
		errs = append(errs, errNoBoxes)
	}
	return errors.Join(errs...)
}

func (p *clipping) run(ctx context.Context, w io.Writer) (err error) {
	s, err := clip.Open(ctx, p.where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if !p.around() {
		return p.one(ctx, w, s, clip.Cut{Camera: p.filter.Cameras[0], Period: p.filter.Period}, p.save)
	}
	events, err := p.chosen(ctx, s)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		fmt.Fprintln(w, "no events")
		return nil
	}
	for i := range events {
		to := p.save
		if p.many() {
			to = strings.TrimRight(p.save, "/") + "/" + events[i].FileName(clip.Ending(p.form.As))
		}
		err := p.one(ctx, w, s, clip.Around(&events[i], p.before, p.after), to)
		if errors.Is(err, clip.ErrNoFrames) && p.many() {
			fmt.Fprintf(w, "%s: %v\n", to, err) // retention took them: the others are made
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chosen are the events that clips are to be made of.
func (p *clipping) chosen(ctx context.Context, s *clip.Source) ([]clip.Event, error) {
	if len(p.events) == 0 {
		return clip.Select(ctx, s.Scan(), p.filter, p.limit)
	}
	var all []clip.Event
	for _, id := range p.events {
		e, err := clip.Find(ctx, s.Scan(), id)
		if err != nil {
			return nil, err
		}
		all = append(all, *e)
	}
	return all, nil
}

func (p *clipping) one(ctx context.Context, w io.Writer, s *clip.Source, cut clip.Cut, to string) error {
	made, err := s.Write(ctx, cut, p.form, to)
	if err != nil {
		return err
	}
	if p.jsonl {
		return made.JSON(w)
	}
	made.Text(w, p.form.Zone)
	return nil
}
