package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// row is one line of the table of ratios.
type row struct{ name, unit, aim string }

// sample is one measurement of a row: Framebeam and the bare loop.
type sample struct{ ours, bare float64 }

// median is the middle of the values, or the mean of the two in the middle.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// marginal is the CPU time of each frame by which the longer work exceeds the shorter.
func marginal(short, long cost) time.Duration {
	return (long.CPU - short.CPU) / time.Duration(long.Frames-short.Frames)
}

// totals are what was run, in the order in which it first was.
type totals struct {
	labels []string
	costs  map[string][]cost
}

func (t *totals) add(label string, c cost) {
	if t.costs == nil {
		t.costs = map[string][]cost{}
	}
	if t.costs[label] == nil {
		t.labels = append(t.labels, label)
	}
	t.costs[label] = append(t.costs[label], c)
}

func report(w io.Writer, b *bencher, chosen []family, results [][][]sample) error {
	fmt.Fprintf(w, "%s\n\n", machine())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "Framebeam over a bare OpenCV loop\tFramebeam\tbare\tratio\t(of %d)\taim\n", b.opts.repeat)
	for i, f := range chosen {
		for k, r := range f.rows {
			if results[i] == nil {
				fmt.Fprintf(t, "%s\tskipped, see above\t\t\t\t%s\n", r.name, r.aim)
				continue
			}
			var ours, bare, ratio []float64
			for _, s := range results[i][k] {
				ours, bare, ratio = append(ours, s.ours), append(bare, s.bare), append(ratio, s.ours/s.bare)
			}
			fmt.Fprintf(t, "%s\t%.2f %s\t%.2f %s\t%.2f\t%.2f..%.2f\t%s\n", r.name, median(ours), r.unit, median(bare), r.unit,
				median(ratio), slices.Min(ratio), slices.Max(ratio), r.aim)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	jpeg := b.stock.Bytes[jpegTopic]
	fmt.Fprintf(w, "\nbytes per frame on the topic: %.0f as JPEG (CloudEvents)", jpeg)
	if json := b.stock.Bytes[jsonTopic]; json > 0 {
		fmt.Fprintf(w, ", %.0f as raw JSON, %.1f times as many", json, json/jpeg)
	}
	fmt.Fprint(w, "\n\n")

	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "medians of whole runs\tframes\tCPU s\twall s\tframes/s\tpeak MB\t")
	for _, label := range b.totals.labels {
		of := func(f func(cost) float64) float64 {
			var v []float64
			for _, c := range b.totals.costs[label] {
				v = append(v, f(c))
			}
			return median(v)
		}
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%.2f\t%.0f\t%.0f\t\n", label, b.totals.costs[label][0].Frames,
			of(func(c cost) float64 { return c.CPU.Seconds() }), of(func(c cost) float64 { return c.Wall.Seconds() }),
			of(cost.perSecond), of(func(c cost) float64 { return float64(c.Memory) / 1e6 }))
	}
	return t.Flush()
}

// machine says what the numbers were measured on.
func machine() string {
	model := "unknown CPU"
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s, OpenCV %s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), pixels.Version())
}
