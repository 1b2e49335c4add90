package steps

import (
	"bytes"
	"errors"
	"fmt"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
	"github.com/framebeam/framebeam/transforms/wire"
)

// motionMemory is a camera's previous frame. What of it fits into the state is
// decided frame by frame, and what does not fit is not used even while it is
// still at hand: results must not depend on when states are saved.
type motionMemory struct {
	step *motion
	kept kept

	width, height int
	encoding      frame.Encoding // of keptImage
	data          []byte         // the image's bytes, or the blurred picture packed
	packedSize    int            // of keptTooLarge: what it would have taken

	// blurred is the previous frame blurred: what data stands for, to save
	// making it again.
	blurred *gocv.Mat
}

// kept says what is remembered of the previous frame. The numbers are part of
// saved states.
type kept uint8

const (
	keptNothing kept = iota
	// keptImage: its bytes as the collector encoded them.
	keptImage
	// keptPacked: its pixels blurred and packed, where the image is raw or too large.
	keptPacked
	// keptTooLarge: nothing, since neither fits.
	keptTooLarge
)

// motionOverhead is more than all but data takes in a saved memory.
const motionOverhead = 64

func (m *motionMemory) Next(in pixels.Input, out *result.Frame) error {
	gray, err := in.Gray()
	if err != nil {
		return err
	}
	f := in.Frame()
	if m.kept == keptTooLarge {
		e := sequence.NewEvent(m.step, out, result.EventMotionSkipped, "")
		e.Detail = fmt.Sprintf("the frame before takes %d bytes packed, over the state limit of %d", m.packedSize, m.step.StateLimit)
		out.Events = append(out.Events, e)
	}
	before, err := m.before(f)
	if err != nil {
		return err
	}
	now := m.step.blur(gray)
	if before != nil {
		found, all := m.step.moved(before, now)
		out.Detections = append(out.Detections, found...)
		if all > len(found) {
			e := sequence.NewEvent(m.step, out, result.EventMotionSkipped, "")
			e.Detail = fmt.Sprintf("the %d largest of %d boxes are given", len(found), all)
			out.Events = append(out.Events, e)
		}
	}
	m.forget()
	if err := m.remember(f, now); err != nil {
		now.Close()
		return err
	}
	if m.kept == keptTooLarge {
		now.Close()
		return nil
	}
	m.blurred = &now
	return nil
}

// before returns the previous frame blurred, if it is remembered and has the
// same size as f. It belongs to m.
func (m *motionMemory) before(f *frame.Frame) (*gocv.Mat, error) {
	if m.kept != keptImage && m.kept != keptPacked || m.width != f.Width || m.height != f.Height {
		return nil, nil
	}
	if m.blurred != nil {
		return m.blurred, nil
	}
	blurred, err := m.rebuild()
	if err != nil {
		return nil, fmt.Errorf("the previous frame of the state: %w", err)
	}
	m.blurred = &blurred
	return m.blurred, nil
}

func (m *motionMemory) rebuild() (gocv.Mat, error) {
	if m.kept == keptPacked {
		return unpackGray(m.data, m.width, m.height)
	}
	gray, err := pixels.Gray(&frame.Frame{Width: m.width, Height: m.height, Encoding: m.encoding, Data: m.data})
	if err != nil {
		// Not wrapped: it was decoded before it was remembered, so the state is
		// damaged, and the frame at hand is not poison.
		return gocv.Mat{}, errors.New(err.Error())
	}
	defer gray.Close()
	return m.step.blur(gray), nil
}

// remember keeps the frame in place of the one before.
func (m *motionMemory) remember(f *frame.Frame, blurred gocv.Mat) error {
	room := m.step.StateLimit - motionOverhead
	m.width, m.height = f.Width, f.Height
	if f.Encoding != frame.Raw && len(f.Data) <= room {
		m.kept, m.encoding = keptImage, f.Encoding
		m.data = append(m.data[:0], f.Data...)
		return nil
	}
	packed, err := packGray(m.data[:0], blurred)
	if err != nil {
		return err
	}
	if len(packed) > room {
		m.kept, m.packedSize = keptTooLarge, len(packed)
		m.data = nil
		return nil
	}
	m.kept, m.data = keptPacked, packed
	return nil
}

func (m *motionMemory) Held() int {
	if m.blurred == nil {
		return 0
	}
	return m.width * m.height
}

func (m *motionMemory) forget() {
	m.kept = keptNothing
	if m.blurred != nil {
		m.blurred.Close()
		m.blurred = nil
	}
}

func (m *motionMemory) Break(b sequence.Break) {
	if b == sequence.NewEpoch || b == sequence.Silence {
		m.forget()
	}
}

func (m *motionMemory) Close() { m.forget() }

// motionVersion is the version of a saved memory. Version 1: kept, and for an
// image its size, encoding and bytes, for a packed picture its size and bytes,
// for a frame too large the bytes it would have taken.
const motionVersion = 1

func (m *motionMemory) Save() []byte {
	b := append(make([]byte, 0, len(m.data)+motionOverhead), motionVersion)
	b = wire.Uint(b, uint64(m.kept))
	switch m.kept {
	case keptImage:
		b = wire.Int(b, int64(m.width))
		b = wire.Int(b, int64(m.height))
		b = wire.String(b, string(m.encoding))
		b = wire.Bytes(b, m.data)
	case keptPacked:
		b = wire.Int(b, int64(m.width))
		b = wire.Int(b, int64(m.height))
		b = wire.Bytes(b, m.data)
	case keptTooLarge:
		b = wire.Int(b, int64(m.packedSize))
	}
	return b
}

// Restore reads what Save wrote. Pixels are made of it when they are needed.
func (s *motion) Restore(saved []byte) (sequence.Memory, error) {
	r, err := wire.Open(saved, motionVersion)
	if err != nil {
		return nil, fmt.Errorf("motion state: %w", err)
	}
	k := r.Uint()
	if k > uint64(keptTooLarge) {
		return nil, fmt.Errorf("motion state: unknown kind %d", k)
	}
	m := &motionMemory{step: s, kept: kept(k)}
	switch m.kept {
	case keptImage:
		m.width, m.height, m.encoding = int(r.Int()), int(r.Int()), frame.Encoding(r.String())
		m.data = bytes.Clone(r.Bytes())
	case keptPacked:
		m.width, m.height = int(r.Int()), int(r.Int())
		m.data = bytes.Clone(r.Bytes())
	case keptTooLarge:
		m.packedSize = int(r.Int())
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("motion state: %w", err)
	}
	return m, nil
}
