// Package report is what a process that captures tells the collector: frames and
// what happens to the source, in a small binary protocol over a pipe.
//
// A stream of reports begins with the eight bytes of [Magic], which hold the
// protocol's version: both ends are the same program, so another version is an
// error and never read. Each report is a byte for its kind, the length of its head
// in four bytes, little endian, and the head, in the encoding of transforms/wire.
// The bytes of a frame's image follow its head as they are.
//
// What arrives is not trusted, since a film may have taken over the process that
// sends it: sizes are checked before memory is taken, and the receiver adds the
// camera's name itself.
package report

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/wire"
)

// Magic begins every stream of reports; its last byte is the version.
const Magic = "framers\x04"

// maxHead is the largest head of a report: nothing but texts is long in it.
const maxHead = 64 << 10

// ErrCorrupt is the error of a stream that holds something impossible.
var ErrCorrupt = errors.New("corrupt report")

type kind byte

const (
	kindOpened kind = iota + 1
	kindEpoch
	kindFrame
	kindProgress
	kindNote
	kindEnded
)

// A Report is one of *Opened, *Epoch, *Frame, *Progress, *Note and *Ended.
type Report interface {
	kind() kind
	append(b []byte) []byte
	read(r *wire.Reader)
}

// Opened says that the source is open, and what it says of itself.
type Opened struct {
	Codec         string        // FFmpeg's name of the pictures' format; "" if there is none
	Transport     string        // how they come: tcp, udp; "" of files and devices
	Width, Height int           // of the pictures as they come; 0 if that is not known yet
	Step          time.Duration // nominal time between two
}

// Epoch says that the frames that follow belong to this epoch, from sequence 0 on.
type Epoch struct{ Name string }

// Frame is a frame of the current epoch.
type Frame struct {
	Sequence int64 // number in the epoch
	Captured int64 // milliseconds since 1970

	Width, Height int
	Channels      int // as in frame.Frame: 0 for encoded images
	Data          []byte
	Encode        time.Duration // what it took to be resized and encoded
}

// Progress says that reading goes on, and what became of pictures that give no frame,
// since the report before.
type Progress struct {
	Limited    int64 // left out by max_fps
	Unreadable int64
	Late       int64 // this machine was too slow for
	Published  int64 // published before
	ClockSteps int64 // times that the wall clock was set

	// Sequence is the number of the last frame that was published before, where there is one.
	Sequence int64
	// Captured is when the last picture of a file was captured that gives no frame, in
	// milliseconds since 1970; 0 if there is none.
	Captured int64
}

// Note is for the log.
type Note struct {
	Level slog.Level
	Text  string
	Attrs []string // names and values, in turn
}

// Ended is the end of the source; Reason is "" if it is its regular end.
type Ended struct {
	Reason string
	Kind   string // of the reason, as package capture names them
}

func (*Opened) kind() kind { return kindOpened }
func (o *Opened) append(b []byte) []byte {
	b = wire.String(wire.String(b, o.Codec), o.Transport)
	return wire.Int(wire.Uint(wire.Uint(b, uint64(o.Width)), uint64(o.Height)), int64(o.Step))
}
func (o *Opened) read(r *wire.Reader) {
	o.Codec, o.Transport = r.String(), r.String()
	w, h := r.Uint(), r.Uint()
	if o.Step = time.Duration(r.Int()); w > maxSide || h > maxSide || o.Step < 0 {
		r.Fail()
		return
	}
	o.Width, o.Height = int(w), int(h)
}

// maxSide is the largest side that a source may say it has: it is only told.
const maxSide = 1 << 20

func (*Epoch) kind() kind               { return kindEpoch }
func (e *Epoch) append(b []byte) []byte { return wire.String(b, e.Name) }
func (e *Epoch) read(r *wire.Reader)    { e.Name = r.String() }

func (*Frame) kind() kind { return kindFrame }
func (f *Frame) append(b []byte) []byte {
	b = wire.Int(b, f.Sequence)
	b = wire.Int(b, f.Captured)
	b = wire.Uint(b, uint64(f.Width))
	b = wire.Uint(b, uint64(f.Height))
	b = wire.Uint(b, uint64(f.Channels))
	b = wire.Uint(b, uint64(f.Encode))
	return wire.Uint(b, uint64(len(f.Data)))
}
func (f *Frame) read(r *wire.Reader) {
	f.Sequence, f.Captured = r.Int(), r.Int()
	w, h, channels, encode, n := r.Uint(), r.Uint(), r.Uint(), r.Uint(), r.Uint()
	const side = frame.DefaultMaxSide
	if f.Sequence < 0 || w == 0 || h == 0 || w > side || h > side || w*h > uint64(frame.DefaultMaxPixels) || channels > 4 ||
		encode > uint64(maxEncode) || n == 0 || n > longest(w, h) {
		r.Fail()
		return
	}
	f.Width, f.Height, f.Channels, f.Encode, f.Data = int(w), int(h), int(channels), time.Duration(encode), make([]byte, n)
}

// maxEncode is longer than anything that is encoded may take.
const maxEncode = 24 * time.Hour

// longest is the most bytes that an image may take: noise as PNG or JPEG is larger
// than raw, but not twice, and headers come on top.
func longest(w, h uint64) uint64 { return 2*3*w*h + 64<<10 }

func (*Progress) kind() kind { return kindProgress }
func (p *Progress) append(b []byte) []byte {
	for _, n := range []int64{p.Limited, p.Unreadable, p.Late, p.Published, p.ClockSteps} {
		b = wire.Uint(b, uint64(n))
	}
	return wire.Int(wire.Int(b, p.Captured), p.Sequence)
}
func (p *Progress) read(r *wire.Reader) {
	for _, n := range []*int64{&p.Limited, &p.Unreadable, &p.Late, &p.Published, &p.ClockSteps} {
		if *n = int64(r.Uint()); *n < 0 {
			r.Fail()
		}
	}
	p.Captured, p.Sequence = r.Int(), r.Int()
	if p.Sequence < 0 || p.Sequence > maxNumber {
		r.Fail()
	}
}

// maxNumber is the highest number of a frame that is believed.
const maxNumber = 1 << 62

func (*Note) kind() kind { return kindNote }
func (n *Note) append(b []byte) []byte {
	b = wire.String(wire.Int(b, int64(n.Level)), n.Text)
	b = wire.Uint(b, uint64(len(n.Attrs)))
	for _, a := range n.Attrs {
		b = wire.String(b, a)
	}
	return b
}
func (n *Note) read(r *wire.Reader) {
	n.Level, n.Text = slog.Level(r.Int()), r.String()
	n.Attrs = make([]string, r.Count())
	for i := range n.Attrs {
		n.Attrs[i] = r.String()
	}
}

func (*Ended) kind() kind               { return kindEnded }
func (e *Ended) append(b []byte) []byte { return wire.String(wire.String(b, e.Reason), e.Kind) }
func (e *Ended) read(r *wire.Reader)    { e.Reason, e.Kind = r.String(), r.String() }

// Writer writes a stream of reports.
type Writer struct {
	w    io.Writer
	head []byte
}

// NewWriter begins a stream.
func NewWriter(w io.Writer) (*Writer, error) {
	_, err := io.WriteString(w, Magic)
	return &Writer{w: w}, err
}

// Write writes a report. Texts that are too long are cut.
func (w *Writer) Write(r Report) error {
	const envelope = 5
	w.head = r.append(append(w.head[:0], byte(r.kind()), 0, 0, 0, 0))
	if len(w.head) > envelope+maxHead {
		w.head = short(r).append(w.head[:envelope])
	}
	binary.LittleEndian.PutUint32(w.head[1:], uint32(len(w.head)-envelope))
	if _, err := w.w.Write(w.head); err != nil {
		return err
	}
	if f, ok := r.(*Frame); ok {
		if _, err := w.w.Write(f.Data); err != nil {
			return err
		}
	}
	return nil
}

// short is a report whose texts do not fit without what does not.
func short(r Report) Report {
	cut := func(s string) string { return s[:min(len(s), maxHead/2)] }
	switch r := r.(type) {
	case *Note:
		return &Note{Level: r.Level, Text: cut(r.Text)}
	case *Ended:
		return &Ended{Reason: cut(r.Reason), Kind: r.Kind[:min(len(r.Kind), 100)]}
	}
	return r
}

// Reader reads a stream of reports.
type Reader struct {
	r    *bufio.Reader
	head [maxHead]byte
}

// NewReader reads from r, from the magic bytes on.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 64<<10)} }

// Begin reads the beginning of the stream.
func (r *Reader) Begin() error {
	var magic [len(Magic)]byte
	if _, err := io.ReadFull(r.r, magic[:]); err != nil {
		return err
	}
	if string(magic[:]) != Magic {
		return fmt.Errorf("%w: it begins with %q, not %q", ErrCorrupt, magic, Magic)
	}
	return nil
}

// Next reads the next report. The error is io.EOF where the stream ends between two.
func (r *Reader) Next() (Report, error) {
	var envelope [5]byte
	if _, err := io.ReadFull(r.r, envelope[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(envelope[1:])
	if size > maxHead {
		return nil, fmt.Errorf("%w: a head of %d bytes", ErrCorrupt, size)
	}
	head := r.head[:size]
	if _, err := io.ReadFull(r.r, head); err != nil {
		return nil, unexpected(err)
	}
	var m Report
	switch kind(envelope[0]) {
	case kindOpened:
		m = &Opened{}
	case kindEpoch:
		m = &Epoch{}
	case kindFrame:
		m = &Frame{}
	case kindProgress:
		m = &Progress{}
	case kindNote:
		m = &Note{}
	case kindEnded:
		m = &Ended{}
	default:
		return nil, fmt.Errorf("%w: kind %d", ErrCorrupt, envelope[0])
	}
	w := wire.NewReader(head)
	m.read(w)
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("%w: of kind %d", ErrCorrupt, envelope[0])
	}
	if f, ok := m.(*Frame); ok {
		if _, err := io.ReadFull(r.r, f.Data); err != nil {
			return nil, unexpected(err)
		}
	}
	return m, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
