// Package similar lists the frames of an output folder that look most like a picture, the
// most alike first. It compares the features that the analyses histogram, perceptual_hash
// and keypoints stored with the results, and reads no frames: of the results only the columns of the features, in
// files that may have frames of the cameras and of the period.
package similar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
)

// Query says what to look for and how many to print.
type Query struct {
	Output  string        // folder: a local path or scheme://…
	To      string        // a JPEG or PNG file, or topic/partition@offset
	By      string        // the analysis whose features are compared; "": the first of them that is in the results
	Cameras []string      // only these; none: all
	Period  period.Period // when the frames were captured
	Format  string        // one of [Formats]
	Limit   int           // most frames
	Apart   time.Duration // of stretches of time, of each of which the best frame of a camera is listed; 0: every frame

	unindexed bool // reads all, for tests
}

// Formats are those that frames are printed in.
var Formats = []string{"text", "jsonl"}

// Check returns everything that is wrong with the query.
func (q *Query) Check() error {
	var bad []error
	if strings.TrimSpace(q.Output) == "" {
		bad = append(bad, errors.New("--output is missing"))
	}
	if q.To == "" {
		bad = append(bad, errors.New("--like is missing: the picture that is looked for"))
	}
	if _, ok := kinds[q.By]; q.By != "" && !ok {
		bad = append(bad, fmt.Errorf("--by=%s: not histogram, perceptual_hash or keypoints", q.By))
	}
	bad = append(bad, scan.CheckCameraIDs(q.Cameras))
	if q.Limit < 1 || q.Limit > 1_000_000 {
		bad = append(bad, fmt.Errorf("--limit=%d: not 1 to 1000000", q.Limit))
	}
	if q.Apart != 0 && q.Apart < time.Microsecond {
		bad = append(bad, fmt.Errorf("--apart=%v: neither 0 nor at least 1µs", q.Apart))
	}
	if !slices.Contains(Formats, q.Format) {
		bad = append(bad, fmt.Errorf("--format=%s: not text or jsonl", q.Format))
	}
	return errors.Join(bad...)
}
