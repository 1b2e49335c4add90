package picture

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/shapes"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Which frames are packed.
const (
	WithEvents     = "events"     // those in which an analysis found an event, and the events' snapshots
	WithDetections = "detections" // those in which something was found, as the original system does
	AllFrames      = "all"        // all that were analysed
)

// Choices are what pictures may be of.
var Choices = []string{WithEvents, WithDetections, AllFrames}

// DefaultQuality is the JPEG quality of pictures.
const DefaultQuality = 90

// PackSpec says how pictures are made. It travels to the workers.
type PackSpec struct {
	// Log is where the frames lie.
	Log log.Spec
	// Which frames: WithEvents, WithDetections (default) or AllFrames.
	Which string
	// Quality of the JPEGs, 1 to 100. Default DefaultQuality.
	Quality int
	// Shapes are the lines and zones of the configurations that the results were made with.
	Shapes shapes.Set
}

// Validate returns every violation, joined. Whether the log can be opened is
// not looked at.
func (s PackSpec) Validate() error {
	var errs []error
	if s.Which != "" && !slices.Contains(Choices, s.Which) {
		errs = append(errs, fmt.Errorf("pictures of %q: choose one of %s", s.Which, strings.Join(Choices, ", ")))
	}
	if s.Quality < 0 || s.Quality > 100 {
		errs = append(errs, fmt.Errorf("JPEG quality %d is not 1 to 100", s.Quality))
	}
	return errors.Join(errs...)
}

// Packer makes packs of annotated pictures. It is used by one goroutine.
type Packer struct {
	frames  frames
	which   string
	quality int
	shapes  shapes.Set
}

// OpenPacker opens the log and returns a packer; close it. parse must be what
// the results were made with.
func OpenPacker(ctx context.Context, spec PackSpec, parse frame.ParseOptions) (*Packer, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	parser, err := frame.NewParser(parse)
	if err != nil {
		return nil, err
	}
	pixels.SingleThreaded()
	l, err := log.Open(ctx, spec.Log)
	if err != nil {
		return nil, err
	}
	p := &Packer{frames: frames{l, parser}, which: spec.Which, quality: spec.Quality, shapes: spec.Shapes}
	if p.which == "" {
		p.which = WithDetections
	}
	if p.quality == 0 {
		p.quality = DefaultQuality
	}
	return p, nil
}

// Close closes the log.
func (p *Packer) Close() error { return p.frames.log.Close() }

// Pack reads the frames of the rows again, draws what was found in them, and
// writes them to w as one zip file of JPEGs in the order of the log, stored
// without compression. Names are camera/epoch/sequence-offset.jpg, or
// camera/offset.jpg for frames without a number. One picture is in memory at a
// time; it costs about 4 ms at 640x480.
//
// Frames that the log no longer has are listed, with the reason, in the entry
// "missing frames.txt". n is the number of entries; when it is 0 nothing was
// written. rows are of the partition of end, by ascending offsets.
func (p *Packer) Pack(ctx context.Context, w io.Writer, end chunk.End, rows []result.Frame) (n int, err error) {
	n, _, err = p.pack(ctx, w, rows)
	if err != nil {
		return 0, fmt.Errorf("pictures of %v: %w", end.ID, err)
	}
	return n, nil
}

func (p *Packer) pack(ctx context.Context, w io.Writer, rows []result.Frame) (entries, missing int, err error) {
	return p.packChosen(ctx, w, scenes(rows, choose(rows, p.which), p.shapes))
}

// packChosen packs these, which are by ascending offsets.
func (p *Packer) packChosen(ctx context.Context, w io.Writer, chosen []*Scene) (entries, missing int, err error) {
	if len(chosen) == 0 {
		return 0, 0, nil
	}
	z := zip.NewWriter(w)
	var notes bytes.Buffer
	add := func(name string, data []byte) error {
		entries++
		return addStored(z, name, data)
	}
	rows := make([]*result.Frame, len(chosen))
	for i, s := range chosen {
		rows[i] = s.Row
	}
	next := 0 // each calls for every row, in their order
	err = p.frames.each(ctx, rows, func(row *result.Frame, f *frame.Frame, why string) error {
		scene := chosen[next]
		next++
		var data []byte
		if why == "" {
			var err error
			if data, why, err = p.draw(scene, f); err != nil {
				return fmt.Errorf("offset %d camera %s: %w", row.Offset, row.Camera, err)
			}
		}
		if why != "" {
			missing++
			fmt.Fprintf(&notes, "offset %d camera %s epoch %s sequence %d: %s\n", row.Offset, row.Camera, row.Epoch, row.Sequence, why)
			return nil
		}
		return add(entryName(row), data)
	})
	if err == nil && missing > 0 {
		err = add(missingEntry, notes.Bytes())
	}
	if err != nil {
		return 0, 0, err
	}
	if err := z.Close(); err != nil {
		return 0, 0, fmt.Errorf("write zip: %w", err)
	}
	return entries, missing, nil
}

// draw returns the annotated frame as a JPEG, or why there is none.
func (p *Packer) draw(s *Scene, f *frame.Frame) (data []byte, why string, err error) {
	data, err = s.JPEG(f, p.quality)
	if poison := (*frame.Poison)(nil); errors.As(err, &poison) {
		return nil, "it cannot be decoded: " + err.Error(), nil
	}
	return data, "", err
}

// entryNames are the names of the entries of a pack, in order. It is read from its
// beginning to its end, which any filesystem can: entries are stored with their sizes
// before them.
func entryNames(r io.Reader) (names []string, err error) {
	const local = 0x04034b50 // PK\x03\x04, before each entry
	in := bufio.NewReaderSize(r, 64<<10)
	for first := true; ; first = false {
		var h struct { // APPNOTE.TXT, 4.3.7
			Signature                                uint32
			Version, Flags, Method, ModTime, ModDate uint16
			CRC32, CompressedSize, Size              uint32
			NameLength, ExtraLength                  uint16
		}
		err := binary.Read(in, binary.LittleEndian, &h)
		switch {
		case err == nil && h.Signature != local && !first:
			return names, nil // the list of all entries
		case err == nil && (h.Signature != local || h.Method != zip.Store || h.Flags&^0x800 != 0):
			err = errors.New("it is no pack of pictures")
		}
		name := make([]byte, h.NameLength)
		if err == nil {
			_, err = io.ReadFull(in, name)
		}
		if err == nil {
			_, err = io.CopyN(io.Discard, in, int64(h.ExtraLength)+int64(h.CompressedSize))
		}
		if err != nil {
			return nil, fmt.Errorf("read pictures: %w", err)
		}
		names = append(names, string(name))
	}
}

// addStored adds an entry whose header has its size and checksum already: readers
// that stream, such as Java's, refuse stored entries that say them afterwards.
func addStored(z *zip.Writer, name string, data []byte) error {
	w, err := z.CreateRaw(&zip.FileHeader{
		// 1 January 1980, the first that zip knows. Modified would add a field of its own.
		Name: name, Method: zip.Store, ModifiedDate: 1<<5 | 1, //nolint:staticcheck // see above
		CRC32: crc32.ChecksumIEEE(data), CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
	})
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write zip entry %s: %w", name, err)
	}
	return nil
}
