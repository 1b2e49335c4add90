package chunksink

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/result"
)

// TestScripts plays testdata/collect: the parts of one chunk as an engine may deliver
// them, and what the collector does with each. They are there to be read, beside the
// property tests that look for what nobody thought of. Add -rewrite to write into them
// what is done now, and read the difference.
//
// A script says what arrives and, below ----, what came of it:
//
//	chunk 1 n=4                                  begin to collect chunk 1, of 4 offsets
//	part results=4-5 state=a                     results of offsets 4 and 5, and the state of camera a
//	part end=(4-6) owed=(a,b) [digest=8]         the chunk's end: its offsets, who owes a state
//	part partial=(4-5) upto=6                    the end of what the log has so far
//	part interim=(4-5) upto=6                    the same while the log grows
//	lose                                         the engine loses what was kept
//
// detail= gives results other content, bytes= a state.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/collect", func(t *testing.T, path string) {
		var s script
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "chunk":
				s = script{id: chunk.ID{Partition: chunk.Partition{Topic: "frames"}, Index: number(d, d.CmdArgs[0].Key)}}
				d.ScanArgs(t, "n", &s.n)
				s.summary = NewCollector(s.id, 1).Marshal()
				return s.holds(t)
			case "lose":
				s.kept = nil
				return ""
			case "part":
				return s.deliver(t, s.part(t, d))
			}
			d.Fatalf(t, "what is %s?", d.Cmd)
			return ""
		})
	})
}

// script is one chunk in the sink, kept between parts as Beam keeps it.
type script struct {
	id      chunk.ID
	n       int64
	summary []byte   // the collector
	kept    [][]byte // what it said to keep
}

// part makes the part that a script names.
func (s *script) part(t *testing.T, d *datadriven.TestData) element.Part {
	t.Helper()
	p := element.Part{ID: s.id}
	text := func(key, unless string) string {
		if d.HasArg(key) {
			d.ScanArgs(t, key, &unless)
		}
		return unless
	}
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "results":
			for _, o := range offsets(d, a.Vals) {
				p.Results = append(p.Results, result.Frame{Topic: s.id.Topic, Offset: o, Detail: text("detail", "")})
			}
		case "state":
			p.State = &element.State{Camera: a.Vals[0], Position: chunk.EndPosition(s.id.Index, s.n), Bytes: []byte(text("bytes", "state"))}
		case "end", "partial", "interim":
			p.End = &chunk.End{ID: s.id, N: s.n, LastDigest: uint64(number(d, text("digest", "7")))}
			for _, o := range offsets(d, a.Vals) {
				p.End.Offsets.Add(o)
			}
			if a.Key != "end" {
				p.End.Partial, p.End.UpTo, p.End.LastDigest = true, number(d, text("upto", "")), 0
				p.End.Interim = a.Key == "interim"
			}
		case "owed":
			p.End.Owed = a.Vals
		}
	}
	return p
}

// offsets reads 4-5 as 4 and 5.
func offsets(d *datadriven.TestData, vals []string) (all []int64) {
	for _, v := range vals {
		if v == "" {
			continue
		}
		first, last, ok := strings.Cut(v, "-")
		if !ok {
			last = first
		}
		for o := number(d, first); o <= number(d, last); o++ {
			all = append(all, o)
		}
	}
	return all
}

func number(d *datadriven.TestData, s string) int64 {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", d.Pos, err))
	}
	return v
}

// deliver gives the part to the collector, both as encoded as they are between two elements.
func (s *script) deliver(t *testing.T, sent element.Part) string {
	t.Helper()
	if s.summary == nil {
		t.Fatal("the chunk is complete: begin another")
	}
	p, err := element.UnmarshalPart(sent.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	c, err := UnmarshalCollector(s.summary)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	keep, ready, err := c.Add(&p, func() ([][]byte, error) {
		out.WriteString("looks at what is kept\n")
		kept := slices.Clone(s.kept)
		slices.Reverse(kept) // a bag has no order
		return kept, nil
	})
	if err != nil { // the engine drops what a failed bundle wrote
		fmt.Fprintf(&out, "error: %s\n", row.ReplaceAllString(err.Error(), "{… detail $1 …}"))
		return out.String()
	}
	if ready != nil && !ready.End.Partial {
		fmt.Fprintf(&out, "complete: %s\n", s.content(rows(ready.Rows), cameras(ready.States)))
		s.summary, s.kept = nil, nil
		return out.String()
	}
	if ready != nil && ready.End.Interim {
		all := slices.Clone(s.kept)
		if keep != nil {
			all = append(all, keep)
		}
		got, _, _, err := sinceThen(s.id, all, ready.End.UpTo)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "meanwhile, up to %d: %s\n", ready.End.UpTo, s.content(rows(got), nil))
	} else if ready != nil {
		fmt.Fprintf(&out, "so far, up to %d: %s\n", ready.End.UpTo, s.content(rows(ready.Rows), nil))
	}
	if keep != nil {
		k, err := element.UnmarshalPart(keep)
		if err != nil {
			t.Fatal(err)
		}
		var of []string
		if k.State != nil {
			of = []string{k.State.Camera}
		}
		fmt.Fprintf(&out, "keeps %s\n", s.content(rows(k.Results), of))
		s.kept = append(s.kept, keep)
	} else {
		out.WriteString("keeps nothing\n")
	}
	s.summary = c.Marshal()
	return out.String() + s.holds(t)
}

// holds tells what the collector holds and what it waits for.
func (s *script) holds(t *testing.T) string {
	t.Helper()
	c, err := UnmarshalCollector(s.summary)
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Sprintf("holds %s\n", s.content(c.held, c.states))
	if e := c.end; e != nil {
		var lacks chunk.Offsets
		for o := range e.Offsets.All {
			if !c.held.Contains(o) {
				lacks.Add(o)
			}
		}
		owed := slices.DeleteFunc(slices.Clone(e.Owed), func(camera string) bool { return slices.Contains(c.states, camera) })
		out += fmt.Sprintf("lacks %s\n", s.content(lacks, owed))
	}
	if e := c.wish; e != nil && e.Interim {
		out += fmt.Sprintf("is to publish meanwhile up to %d: %s\n", e.UpTo, s.content(e.Offsets, nil))
	} else if e != nil {
		out += fmt.Sprintf("is to publish up to %d: %s\n", e.UpTo, s.content(e.Offsets, nil))
	}
	return out
}

// row is a result as errors show it.
var row = regexp.MustCompile(`\{"topic":.*?"detail":("\w*").*?"config":""\}`)

func rows(frames []result.Frame) (s chunk.Offsets) {
	for i := range frames {
		s.Add(frames[i].Offset)
	}
	return s
}

func cameras(states []element.State) (s []string) {
	for i := range states {
		s = append(s, states[i].Camera)
	}
	return s
}

func (s *script) content(results chunk.Offsets, states []string) string {
	var out []string
	if len(results) > 0 {
		var spans []string
		for _, r := range results {
			if r.To-r.From == 1 {
				spans = append(spans, fmt.Sprint(r.From))
			} else {
				spans = append(spans, fmt.Sprintf("%d-%d", r.From, r.To-1))
			}
		}
		out = append(out, "results "+strings.Join(spans, " "))
	}
	if len(states) > 0 {
		out = append(out, "states of "+strings.Join(states, " "))
	}
	if out == nil {
		return "nothing"
	}
	return strings.Join(out, ", ")
}
