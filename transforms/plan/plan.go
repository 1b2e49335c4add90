// Package plan decides what a job reads of a log: of every partition from where the folder
// that it fills ends, to where it is told to stop. It refuses a log that is not the one
// from which the folder was filled, or has lost what comes next.
package plan

import (
	"context"
	"errors"
	"fmt"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

// Folder is what a job fills from a log: an output or an archive.
type Folder interface {
	// Hold says what the folder holds of a partition, of which the log has the offsets
	// [first, end). It begins a partition that it does not know.
	Hold(ctx context.Context, p chunk.Partition, first, end int64) (Held, error)
	// Words are for errors: what the folder is, and what has become of frames in it.
	Words() (folder, done string)
}

// Held is what a folder holds of a partition.
type Held struct {
	Base int64 // the first offset that it has
	From int64 // the first offset that it lacks
	// Last is the offset of the last record before From, and LastDigest that record's
	// digest. chunk.None: it is not known.
	Last       int64
	LastDigest uint64
	// Gone says that files are missing at From which were there, and what to do; "": none are.
	Gone string
	// Cameras are those known before From, with their last offsets, where a folder
	// knows cameras.
	Cameras []chunk.CameraOffset
}

// Stretch is what is to be read of a partition: the offsets [From, To).
type Stretch struct {
	chunk.Partition
	Held
	To       int64  // chunk.None is never
	LogEnd   int64  // the end of the log when it was looked at
	Identity string // what log.Identity said of the topic
}

// Empty reports whether nothing is to be read.
func (s *Stretch) Empty() bool { return s.To != chunk.None && s.To <= s.From }

// Reached is an error unless the log has all of a stretch with an end, for jobs that read
// only what is there.
func (s *Stretch) Reached() error {
	if s.To <= s.LogEnd {
		return nil
	}
	return NotReached(s.Partition, s.To)
}

// NotReached is the refusal to wait for an offset.
func NotReached(p chunk.Partition, until int64) error {
	return fmt.Errorf("%v: --until is offset %d, which the log has not reached, and this job reads only what is there: say --until=now, and run it again for what came since",
		p, until)
}

// Topic plans every partition of a topic, in ascending order. The error names all in which
// something is wrong; it is a [log.ErrDataLoss] if the log has lost something.
func Topic(ctx context.Context, l log.Log, topic string, f Folder, until Place) ([]Stretch, error) {
	partitions, err := l.Partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	identity, err := log.Identity(ctx, l, topic)
	if err != nil {
		return nil, err
	}
	var all []Stretch
	var problems []error
	for _, p := range partitions {
		s, err := Partition(ctx, l, chunk.Partition{Topic: topic, ID: p}, f, until)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		s.Identity = identity
		all = append(all, s)
	}
	return all, errors.Join(problems...)
}

// Partition plans one partition, without the topic's identity.
func Partition(ctx context.Context, l log.Log, p chunk.Partition, f Folder, until Place) (Stretch, error) {
	none := Stretch{}
	first, end, err := l.Bounds(ctx, p)
	if err != nil {
		return none, err
	}
	held, err := f.Hold(ctx, p, first, end)
	if err != nil {
		return none, err
	}
	to, err := until.Resolve(ctx, l, p, first, end)
	if err != nil {
		return none, err
	}
	// Offsets after the last record may be empty, so it may be deleted long before
	// anything is lost.
	if held.Last >= first { // chunk.None is below all
		if err := log.VerifyLast(ctx, l, p, held.Last, held.LastDigest); err != nil {
			return none, err
		}
	}
	folder, done := f.Words()
	loss := func(what string) error {
		return &log.DataLoss{Partition: p, Offset: held.From, First: first, End: end, What: what}
	}
	switch {
	case held.From > end:
		return none, loss(fmt.Sprintf("the log ends before what %s already holds: truncated, or created anew", folder))
	case held.From < first && (to == chunk.None || to > held.From):
		what := "deleted before it was " + done
		if held.Gone != "" {
			what = "deleted, and " + held.Gone
		}
		return none, loss(what)
	}
	return Stretch{Partition: p, Held: held, To: to, LogEnd: end}, nil
}
