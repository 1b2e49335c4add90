package backtest

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/wire"
)

// spool keeps differences in a temporary file, and in memory only where they lie: some
// forty bytes each. It is used by one goroutine.
type spool struct {
	file   *os.File // made when the first comes
	w      *bufio.Writer
	end    int64
	places []place
}

// place is where a difference lies in the file, and what it is sorted by.
type place struct {
	captured, offset, at int64
	partition            int32
	length               int32
	topic                string
}

func newSpool() *spool { return &spool{} }

func (s *spool) add(d *Difference) error {
	if s.file == nil {
		f, err := os.CreateTemp("", "framebeam-backtest-*")
		if err != nil {
			return fmt.Errorf("keep differences: %w", err)
		}
		s.file, s.w = f, bufio.NewWriterSize(f, 1<<20)
	}
	b := d.marshal()
	if _, err := s.w.Write(b); err != nil {
		return fmt.Errorf("keep differences in %s: %w", s.file.Name(), err)
	}
	f := &d.Happens().Frame
	s.places = append(s.places, place{f.Captured, f.Offset, s.end, f.Partition, int32(len(b)), f.Topic})
	s.end += int64(len(b))
	return nil
}

func (s *spool) addAll(list []Difference) error {
	for i := range list {
		if err := s.add(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *spool) each(fn func(*Difference) error) error {
	if s.file == nil {
		return nil
	}
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("keep differences in %s: %w", s.file.Name(), err)
	}
	slices.SortStableFunc(s.places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.captured, b.captured), cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition),
			cmp.Compare(a.offset, b.offset), cmp.Compare(a.at, b.at))
	})
	var buf []byte
	for _, p := range s.places {
		buf = slices.Grow(buf[:0], int(p.length))[:p.length]
		if _, err := s.file.ReadAt(buf, p.at); err != nil {
			return fmt.Errorf("read differences: %w", err)
		}
		d, err := unmarshalDifference(buf)
		if err != nil {
			return fmt.Errorf("read differences in %s: %w", s.file.Name(), err)
		}
		if err := fn(&d); err != nil {
			return err
		}
	}
	return nil
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.file.Close(), os.Remove(s.file.Name()))
	s.file = nil
	return err
}

func (d *Difference) marshal() []byte {
	var b []byte
	for _, s := range []string{d.Camera, d.Analysis, d.Rule, d.Type, d.Transition, string(d.Kind)} {
		b = wire.String(b, s)
	}
	b = wire.Uint(b, uint64(len(d.Fields)))
	for _, s := range d.Fields {
		b = wire.String(b, s)
	}
	return d.After.append(d.Before.append(b))
}

func unmarshalDifference(b []byte) (d Difference, err error) {
	r := wire.NewReader(b)
	d.Key = Key{r.String(), r.String(), r.String(), r.String(), r.String()}
	d.Kind = Kind(r.String())
	for range r.Count() {
		d.Fields = append(d.Fields, r.String())
	}
	if d.Before, err = readMoment(r); err != nil {
		return d, err
	}
	if d.After, err = readMoment(r); err != nil {
		return d, err
	}
	return d, r.Close()
}

// append encodes the moment; its event is one of the frame's.
func (m *Moment) append(b []byte) []byte {
	f := m.Frame
	f.Features = nil
	b = wire.Bytes(b, f.Marshal())
	at := int64(-1)
	if m.Event != nil {
		at = int64(slices.IndexFunc(f.Events, func(e result.Event) bool { return e.ID == m.Event.ID }))
	}
	return wire.Int(b, at)
}

func readMoment(r *wire.Reader) (m Moment, err error) {
	b := r.Bytes()
	at := r.Int()
	if err := r.Err(); err != nil {
		return m, err
	}
	if m.Frame, err = result.Unmarshal(b); err != nil {
		return m, err
	}
	if at >= int64(len(m.Frame.Events)) || at < -1 {
		r.Fail()
		return m, nil
	}
	if at >= 0 {
		m.Event = &m.Frame.Events[at]
	}
	return m, nil
}
