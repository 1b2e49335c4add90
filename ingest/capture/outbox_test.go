package capture

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/ingest/capture/report"
)

// What is complete in any order arrives in the order of posting, up to what cannot be
// encoded; everything is given back, and after that is drained it goes on.
func TestReportsAreSentInTheOrderOfPosting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent bytes.Buffer
		w, err := report.NewWriter(&sent)
		if err != nil {
			t.Fatal(err)
		}
		box := newOutbox(w)
		later := rapid.SliceOfN(rapid.Bool(), 0, 20).Draw(t, "later")
		fails := rapid.IntRange(-1, len(later)).Draw(t, "fails")
		all := make([]int, len(later))
		gates := make([]chan struct{}, len(later))
		for i := range gates {
			all[i], gates[i] = i, make(chan struct{})
		}
		order := rapid.Permutation(all).Draw(t, "order")
		go func() {
			for _, i := range order {
				close(gates[i])
				runtime.Gosched()
			}
		}()

		failure := errors.New("cannot be encoded")
		var want []report.Report
		var wantBack, back []int
		fine := true
		for i, later := range later {
			var r report.Report = &report.Progress{Limited: int64(i)}
			if !later {
				box.post(r)
			} else {
				f := &report.Frame{Sequence: int64(i), Width: 1, Height: 1}
				r = &report.Frame{Sequence: int64(i), Width: 1, Height: 1, Data: []byte{byte(i)}}
				wantBack = append(wantBack, i)
				box.postLater(f, func() error {
					<-gates[i]
					if i == fails {
						return failure
					}
					f.Data = []byte{byte(i)}
					return nil
				}, func() { back = append(back, i) })
				fine = fine && i != fails
			}
			if fine {
				want = append(want, r)
			}
		}
		if err := box.drain(); fine != (err == nil) || !fine && !errors.Is(err, failure) {
			t.Fatalf("drained with %v", err)
		}
		if !slices.Equal(back, wantBack) {
			t.Fatalf("given back: %v, want %v", back, wantBack)
		}
		if err := box.post(&report.Ended{}); err != nil {
			t.Fatalf("after that it is %v", err)
		}
		box.close()

		want = append(want, &report.Ended{})
		var got []report.Report
		in := report.NewReader(&sent)
		if err := in.Begin(); err != nil {
			t.Fatal(err)
		}
		for {
			r, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestABrokenPipeStaysBroken(t *testing.T) {
	r, w := io.Pipe()
	go io.CopyN(io.Discard, r, int64(len(report.Magic)))
	out, err := report.NewWriter(w)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("nobody listens")
	r.CloseWithError(broken)
	box := newOutbox(out)
	defer box.close()
	box.post(&report.Opened{})
	for range 2 {
		if err := box.drain(); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	}
	if err := box.post(&report.Ended{}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
