package plan

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// kept is a log of partitions 0 and 1 that holds the offsets [first, end).
type kept struct {
	log.Log
	first, end int64
}

func (kept) Partitions(context.Context, string) ([]int32, error) { return []int32{0, 1}, nil }

func (k kept) Bounds(context.Context, chunk.Partition) (first, end int64, err error) {
	return k.first, k.end, nil
}

func record(o int64) frame.Record { return frame.Record{Offset: o, Value: []byte{byte(o)}} }

func (k kept) Read(_ context.Context, _ chunk.Partition, from, _ int64, _ int, _ time.Duration) ([]frame.Record, int64, error) {
	return []frame.Record{record(from)}, from + 1, nil
}

func (kept) Identity(context.Context, string) (string, error) { return "the one", nil }

// folder holds the same of every partition.
type folder Held

func (f folder) Hold(context.Context, chunk.Partition, int64, int64) (Held, error) {
	return Held(f), nil
}

func (folder) Words() (what, done string) { return "the album", "glued" }

func TestAPlanIsFromWhereTheFolderEndsToWhereItIsTold(t *testing.T) {
	last := record(9)
	good := last.Digest()
	for name, c := range map[string]struct {
		log     kept
		held    folder
		until   string
		to      int64
		loss    string // in the error
		reached bool
		empty   bool
	}{
		"to its end":                         {kept{first: 0, end: 20}, folder{From: 10, Last: 9, LastDigest: good}, "now", 20, "", true, false},
		"without end":                        {kept{first: 0, end: 20}, folder{From: 10, Last: chunk.None}, "never", chunk.None, "", true, false},
		"to what is not there":               {kept{first: 0, end: 20}, folder{From: 10, Last: chunk.None}, "21", 21, "", false, false},
		"nothing":                            {kept{first: 0, end: 20}, folder{From: 10, Last: chunk.None}, "10", 10, "", true, true},
		"behind what is there":               {kept{first: 15, end: 20}, folder{From: 10, Last: chunk.None}, "7", 7, "", true, true},
		"the last record is another":         {kept{first: 0, end: 20}, folder{From: 10, Last: 9, LastDigest: good + 1}, "now", 0, "another one than was read before", false, false},
		"the last record is deleted":         {kept{first: 10, end: 20}, folder{From: 10, Last: 9, LastDigest: good + 1}, "now", 20, "", true, false},
		"the log is shorter":                 {kept{first: 0, end: 8}, folder{From: 10, Last: chunk.None}, "now", 0, "before what the album already holds", false, false},
		"what comes next is deleted":         {kept{first: 11, end: 20}, folder{From: 10, Last: 9, LastDigest: good}, "now", 0, "deleted before it was glued", false, false},
		"what comes next, and without end":   {kept{first: 11, end: 20}, folder{From: 10, Last: chunk.None}, "never", 0, "deleted before it was glued", false, false},
		"what was to be read is all deleted": {kept{first: 15, end: 20}, folder{From: 10, Last: chunk.None}, "12", 0, "deleted before it was glued", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			until, err := Until(c.until)
			if err != nil {
				t.Fatal(err)
			}
			all, err := Topic(t.Context(), c.log, "frames", c.held, until)
			if c.loss != "" {
				if !errors.Is(err, log.ErrDataLoss) || strings.Count(err.Error(), c.loss) != 2 || !strings.Contains(err.Error(), "partition 1") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || len(all) != 2 {
				t.Fatalf("%+v, %v", all, err)
			}
			for i, s := range all {
				if s.Topic != "frames" || s.Partition.ID != int32(i) || s.From != 10 || s.To != c.to || s.LogEnd != c.log.end || s.Identity != "the one" {
					t.Errorf("it is %+v", s)
				}
				if s.Empty() != c.empty {
					t.Errorf("%+v is empty: %v", s, s.Empty())
				}
				if err := s.Reached(); (err == nil) != c.reached || err != nil && !strings.Contains(err.Error(), "partition") {
					t.Errorf("%+v: %v", s, err)
				}
			}
		})
	}
}

func TestWhatAJobDidIsSaid(t *testing.T) {
	for to, want := range map[int64]string{
		chunk.None:    "topic frames partition 3: glued from offset 5",
		5:             "topic frames partition 3: nothing new, the album holds everything below offset 5",
		9:             "topic frames partition 3: glued offsets 5 to 8",
		math.MaxInt32: "topic frames partition 3: glued offsets 5 to 2147483646",
	} {
		if got := Covered(chunk.Partition{Topic: "frames", ID: 3}, "glued", "album", 5, to); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
