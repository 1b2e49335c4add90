package commitlog

import "time"

// Keep is how much of a log is kept. Segments go as a whole; the one that is written stays.
type Keep struct {
	Bytes int64         // -1: any number
	Age   time.Duration // by the records' timestamps; -1: any
}

// Retain deletes the oldest segments beyond what is to be kept, and returns the first offset
// that is left. No size is ever exceeded by more than a segment.
func (l *Log) Retain(keep Keep, now time.Time) (first int64, err error) {
	oldest := int64(noTime)
	if keep.Age >= 0 {
		oldest = now.Add(-keep.Age).UnixMilli()
		if err := l.rollOld(oldest); err != nil {
			return 0, err
		}
	}
	for {
		l.mu.Lock()
		s, more := l.segments[0], len(l.segments) > 1
		goes := more && keep.Bytes >= 0 && l.size() > keep.Bytes
		if more && !goes && keep.Age >= 0 {
			if err := s.load(); err != nil {
				l.mu.Unlock()
				return 0, err
			}
			goes = s.newest < oldest
		}
		l.mu.Unlock()
		if !goes {
			return s.base, nil
		}
		if _, err := l.dropFirst(); err != nil {
			return 0, err
		}
	}
}

// rollOld begins a new segment if all records of the last one are too old.
func (l *Log) rollOld(oldest int64) error {
	l.mu.Lock()
	last := l.last()
	old := last.size > 0 && last.newest < oldest
	l.mu.Unlock()
	if !old {
		return nil
	}
	return l.roll(1)
}

// oldest is when the first segment was last written to; false if it still is.
func (l *Log) oldest() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments[0].written, len(l.segments) > 1
}

// dropFirst deletes the first segment, unless it is the one that is written. Readers that
// have it open read on. It returns how many bytes went.
func (l *Log) dropFirst() (bytes int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.segments) < 2 {
		return 0, nil
	}
	first := l.segments[0]
	if err := first.remove(); err != nil {
		return 0, err
	}
	l.segments = l.segments[1:]
	return first.size, l.store.syncDir(l.dir)
}
