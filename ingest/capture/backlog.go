package capture

import (
	"errors"
	"io"
	"time"

	"gocv.io/x/gocv"
)

// maxBacklog is the longest that FFmpeg reads to find out what a stream holds:
// its analyzeduration.
const maxBacklog = 5 * time.Second

// catchUp reads a live stream on to the present and throws away what it reads.
//
// While a stream is opened, FFmpeg reads up to 5 seconds of it, and gives those
// pictures out at once as soon as it is open (27 of a camera with 10 frames a
// second). When they were taken is not known any more: dated by the wall clock,
// seconds would shrink to milliseconds.
//
// opening is how long it took to open the stream: there cannot be more to catch
// up with.
func catchUp(s Stream, opening time.Duration) error {
	switch s.(type) {
	case *snapshots, *paced:
		return nil // nothing waits there
	}
	opening = min(opening, maxBacklog)
	step := s.Step()
	if opening < step {
		return nil
	}
	img := gocv.NewMat()
	defer img.Close()
	var first time.Duration
	opened := time.Now()
	// The present begins where pictures have to be waited for. Two of them, since
	// one wait can be this machine's.
	for count, waits := 0, 0; waits < 2; count++ {
		asked := time.Now()
		stamp, err := s.Read(&img)
		if errors.Is(err, io.EOF) {
			return errors.New("the stream ended as soon as it was open")
		}
		if err != nil {
			return err
		}
		if count == 0 {
			first = stamp
		}
		now := time.Now()
		if now.Sub(opened) >= opening || stamp-first >= opening {
			return nil
		}
		if waits++; now.Sub(asked) < step/2 {
			waits = 0
		}
	}
	return nil
}
