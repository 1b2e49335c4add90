// Package chaos is what judges a run in which everything was killed: which frames are
// in the log, which results there are, and whether each frame was counted once.
package chaos

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// Log is the records of each partition of a topic.
type Log map[int32][]frame.Record

// Evidence is what a run left behind.
type Evidence struct {
	Log  Log
	Rows []result.Frame // of the live output, in any order
	// Films is what a collector that nobody disturbed publishes of the same files into
	// an empty topic.
	Films Log
	// Live tells whether a camera is one of the live ones.
	Live func(camera string) bool
	// Numbered tells of a live camera whether its pictures have numbers (see [Serve]);
	// nil: all have.
	Numbered func(camera string) bool
}

// Verdict is what the oracle found.
type Verdict struct {
	Records int // in the log
	Frames  int // different ones in it
	Copies  int // records beyond the first of each frame
	Epochs  int // of live cameras
	Results int
	OK      int
	Repeats int
	// Faults says what is wrong, each with its place.
	Faults []string
}

func (v *Verdict) fault(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// String is the verdict in a few lines, of the faults the first 20.
func (v *Verdict) String() string {
	s := fmt.Sprintf("%d records, %d frames, %d copies, %d live epochs; %d results, %d ok, %d repeat; %d faults",
		v.Records, v.Frames, v.Copies, v.Epochs, v.Results, v.OK, v.Repeats, len(v.Faults))
	for _, f := range v.Faults[:min(20, len(v.Faults))] {
		s += "\n" + f
	}
	return s
}

// place is where a record lies.
type place struct {
	partition int32
	offset    int64
}

// Judge holds the promise against what a run left behind. It asks that
//   - each record has exactly one result, and nothing else has one,
//   - the first record of each frame is ok, each other one a repeat with the same bytes,
//   - the frames of files are those of an undisturbed collector, byte for byte,
//   - a live camera's frames come in the order of their numbers and times, and its
//     pictures, where they can be told apart, in theirs, none of them as two frames.
func Judge(e Evidence) *Verdict {
	v := &Verdict{Results: len(e.Rows)}
	rows := map[place][]result.Frame{}
	for _, r := range e.Rows {
		at := place{r.Partition, r.Offset}
		rows[at] = append(rows[at], r)
		switch r.Status {
		case result.OK:
			v.OK++
		case result.Repeat:
			v.Repeats++
		}
	}
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		v.fault("parser: %v", err)
		return v
	}
	first := map[string]frame.Record{}
	numbers := map[string]map[uint32]string{} // of pictures, by camera, with the frame
	last := map[string]uint32{}               // by stretch
	stretches := map[string]stretch{}         // of live cameras
	changes := map[string]bool{}              // of sources, by id
	for partition, recs := range e.Log {
		for i := range recs {
			rec := &recs[i]
			v.Records++
			where := fmt.Sprintf("partition %d offset %d", partition, rec.Offset)
			at := place{partition, rec.Offset}
			results := rows[at]
			delete(rows, at)
			if len(results) != 1 {
				v.fault("%s has %d results", where, len(results))
			}
			if rec.OfSource() {
				v.source(changes, rec, results, where)
				continue
			}
			f, err := parser.Parse(rec)
			if err != nil {
				v.fault("%s: %v", where, err)
				continue
			}
			want := result.OK
			if one, again := first[f.ID()]; again {
				want = result.Repeat
				v.Copies++
				if !same(&one, rec) {
					v.fault("%s: %s differs from its first copy at offset %d", where, f.ID(), one.Offset)
				}
			} else {
				first[f.ID()] = *rec
				v.Frames++
				if e.Live(f.Camera) {
					v.follows(stretches, &f, where)
					if e.Numbered == nil || e.Numbered(f.Camera) {
						v.number(numbers, last, &f, where)
					}
				}
			}
			for _, r := range results {
				if r.Status != want || r.Camera != f.Camera || r.Epoch != f.Epoch || r.Sequence != f.Sequence {
					v.fault("%s: %s is %s %s %s/%s/%d, want %s", where, f.ID(), r.Status, r.Reason, r.Camera, r.Epoch, r.Sequence, want)
				}
			}
		}
	}
	for at := range rows {
		v.fault("partition %d offset %d has a result and no record", at.partition, at.offset)
	}
	v.Epochs = len(stretches)
	v.films(e, parser, first, changes)
	slices.Sort(v.Faults)
	return v
}

// stretch is how far an epoch has come.
type stretch struct {
	sequence int64
	captured time.Time
}

// follows notes a live camera's frame, which must come after those before it.
func (v *Verdict) follows(stretches map[string]stretch, f *frame.Frame, where string) {
	name := f.Camera + "/" + f.Epoch
	if before, is := stretches[name]; is && (f.Sequence <= before.sequence || !f.Captured.After(before.captured)) {
		v.fault("%s: %s, of %v, comes after number %d, of %v", where, f.ID(), f.Captured, before.sequence, before.captured)
	}
	stretches[name] = stretch{f.Sequence, f.Captured}
}

// source judges a record of what happened to a source, and its results.
func (v *Verdict) source(changes map[string]bool, rec *frame.Record, results []result.Frame, where string) {
	s, err := frame.ParseSource(rec)
	if err != nil {
		v.fault("%s: %v", where, err)
		return
	}
	want := result.Source
	if changes[s.ID()] {
		want = result.SourceRepeat
	}
	changes[s.ID()] = true
	for _, r := range results {
		if r.Status != want || r.Camera != s.Camera || r.Reason != string(s.State) || r.Captured != s.At.UnixMicro() {
			v.fault("%s: %s is %s %s, want %s", where, s.ID(), r.Status, r.Reason, want)
		}
	}
}

// number notes the number of a live camera's picture.
func (v *Verdict) number(numbers map[string]map[uint32]string, last map[string]uint32, f *frame.Frame, where string) {
	n, err := Number(f.Data)
	if err != nil {
		v.fault("%s: %s: %v", where, f.ID(), err)
		return
	}
	of := numbers[f.Camera]
	if of == nil {
		of = map[uint32]string{}
		numbers[f.Camera] = of
	}
	if other, is := of[n]; is {
		v.fault("%s: picture %d is %s and %s", where, n, other, f.ID())
	}
	of[n] = f.ID()
	stretch := f.Camera + "/" + f.Epoch
	if before, is := last[stretch]; is && n <= before {
		v.fault("%s: %s is picture %d, after picture %d", where, f.ID(), n, before)
	}
	last[stretch] = n
}

// films compares what is in the log of files with what should be.
func (v *Verdict) films(e Evidence, parser *frame.Parser, first map[string]frame.Record, changes map[string]bool) {
	want := map[string]bool{}
	for partition, recs := range e.Films {
		for i := range recs {
			if id, _ := recs[i].Header("ce_id"); recs[i].OfSource() {
				if !changes[id] {
					v.fault("%s of a file is not told", id)
				}
				continue
			}
			f, err := parser.Parse(&recs[i])
			if err != nil {
				v.fault("undisturbed, partition %d offset %d: %v", partition, recs[i].Offset, err)
				continue
			}
			want[f.ID()] = true
			got, is := first[f.ID()]
			if !is {
				v.fault("frame %s of a file is lost", f.ID())
			} else if !same(&recs[i], &got) {
				v.fault("frame %s of a file is another, at offset %d", f.ID(), got.Offset)
			}
		}
	}
	for id, rec := range first {
		if !want[id] && !e.Live(rec.Camera()) {
			v.fault("frame %s, at offset %d, is of no file", id, rec.Offset)
		}
	}
}

// same compares two records but for their offsets.
func same(a, b *frame.Record) bool {
	return a.Timestamp == b.Timestamp && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) &&
		slices.EqualFunc(a.Headers, b.Headers, func(x, y frame.Header) bool { return x.Key == y.Key && bytes.Equal(x.Value, y.Value) })
}

// SameLog returns what differs between two logs, for instance a topic and its archive.
func SameLog(want, got Log) (faults []string) {
	for p := range got {
		if _, is := want[p]; !is {
			faults = append(faults, fmt.Sprintf("there is a partition %d", p))
		}
	}
	for p, recs := range want {
		if len(recs) != len(got[p]) {
			faults = append(faults, fmt.Sprintf("partition %d: %d records, want %d", p, len(got[p]), len(recs)))
			continue
		}
		for i := range recs {
			if recs[i].Offset != got[p][i].Offset || !same(&recs[i], &got[p][i]) {
				faults = append(faults, fmt.Sprintf("partition %d: record %d, offset %d, differs", p, i, recs[i].Offset))
			}
		}
	}
	slices.Sort(faults)
	return faults
}

// Number reads the number in a picture that [Serve] served.
func Number(jpeg []byte) (uint32, error) {
	m, _, err := image.Decode(bytes.NewReader(jpeg))
	if err != nil {
		return 0, fmt.Errorf("the picture: %w", err)
	}
	if got := m.Bounds().Size(); got != (image.Point{Width, Height}) {
		return 0, fmt.Errorf("the picture is %v", got)
	}
	var bits uint32
	for i := range 32 {
		c := cell(i)
		r, g, b, _ := m.At((c.Min.X+c.Max.X)/2, (c.Min.Y+c.Max.Y)/2).RGBA()
		if r+g+b > 3*0x8000 {
			bits |= 1 << i
		}
	}
	n := bits & (1<<24 - 1)
	if bits != mark(n) {
		return 0, fmt.Errorf("the picture's number %s is damaged", strings.TrimSpace(fmt.Sprintf("%032b", bits)))
	}
	return n, nil
}
