// Command show prints the results of an output folder, complete chunks and
// unfinished ones, in the order of the log.
//
//	go run ./pipelines/show --output out
//	go run ./pipelines/show --output out --camera gate --found
//	go run ./pipelines/show --output out --dead --format jsonl
//	go run ./pipelines/show --output out --configs
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/commandline"
	"github.com/framebeam/framebeam/strictyaml"
	_ "github.com/framebeam/framebeam/transforms/files/hdfsfs" // hdfs://
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// query says which results to print and how.
type query struct {
	output, camera, format string
	found, dead            bool
	configs                bool

	cameras map[string]bool // all that show met, if it is not nil
}

func main() {
	q := query{cameras: map[string]bool{}}
	flag.StringVar(&q.output, "output", "", "the output `folder`")
	flag.StringVar(&q.camera, "camera", "", "only this camera")
	flag.BoolVar(&q.found, "found", false, "only frames with detections or events; in a summary: only cameras with such")
	flag.BoolVar(&q.dead, "dead", false, "only dead letters: what could not be read, and why; in a summary: only cameras with such")
	flag.BoolVar(&q.configs, "configs", false, "not results, but the configurations that they were made with: generation, config_digest, pattern of cameras, config")
	flag.StringVar(&q.format, "format", "text", "text, jsonl or summary (a line per camera)")
	commandline.ParseOrExit()
	if bad := q.check(flag.Args()); bad != nil {
		fmt.Fprintln(os.Stderr, bad)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := show(ctx, q, os.Stdout)
	if err == nil {
		err = q.nosuch()
	}
	if err != nil {
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
	if q.camera != "" && !frame.ValidCamera(q.camera) {
		bad = append(bad, fmt.Errorf("--camera=%s: not a camera id; one of the JSON wire would be %q", q.camera, frame.CameraID(q.camera)))
	}
	if _, ok := formats[q.format]; !ok {
		bad = append(bad, fmt.Errorf("--format=%s: not text, jsonl or summary", q.format))
	}
	return errors.Join(bad...)
}

// printer prints rows; end is called once after the last.
type printer interface {
	rows(io.Writer, []result.Frame) error
	end(io.Writer) error
}

// each is a printer without an end.
type each func(io.Writer, []result.Frame) error

func (p each) rows(w io.Writer, rows []result.Frame) error { return p(w, rows) }
func (p each) end(io.Writer) error                         { return nil }

// summary adds up all frames by camera.
type summary struct{ result.Summary }

func (s *summary) rows(_ io.Writer, rows []result.Frame) error {
	s.Add(rows)
	return nil
}

func (s *summary) end(w io.Writer) error { return s.Write(w) }

var formats = map[string]func(*query) printer{
	"text":    func(*query) printer { return each(result.WriteText) },
	"jsonl":   func(*query) printer { return each(result.WriteJSONL) },
	"summary": func(q *query) printer { return &summary{result.Summary{Found: q.found, Dead: q.dead}} },
}

func show(ctx context.Context, q query, w io.Writer) error {
	folder, err := store.Open(ctx, q.output)
	if err != nil {
		return err
	}
	out, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	if q.configs {
		if err := showConfigs(b, out.Generations()); err != nil {
			return err
		}
		return b.Flush()
	}
	p := formats[q.format](&q)
	if err := out.Each(ctx, func(_ string, rows []result.Frame, _ bool) error {
		return p.rows(b, q.choose(rows))
	}); err != nil {
		return err
	}
	if err := p.end(b); err != nil {
		return err
	}
	return b.Flush()
}

func (q *query) choose(rows []result.Frame) []result.Frame {
	chosen := rows[:0]
	adds := q.format == "summary" // all frames, since that is what it calls frames
	for _, r := range rows {
		if q.cameras != nil && r.Camera != "" {
			q.cameras[r.Camera] = true
		}
		if (q.camera == "" || r.Camera == q.camera) &&
			(adds || !q.found || len(r.Detections)+len(r.Events) > 0) &&
			(adds || !q.dead || r.Status == result.Dead) {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

// nosuch is an error if a camera was asked for that show has not met.
func (q *query) nosuch() error {
	if q.camera == "" || q.configs || q.cameras[q.camera] {
		return nil
	}
	known := slices.Sorted(maps.Keys(q.cameras))
	const most = 20
	list := strings.Join(known[:min(len(known), most)], ", ")
	if len(known) > most {
		list += fmt.Sprintf(" and %d more", len(known)-most)
	}
	return fmt.Errorf("--camera=%s: the output has no result of this camera (there are: %s)%s", q.camera, cmp.Or(list, "none"), strictyaml.DidYouMean(q.camera, known))
}
