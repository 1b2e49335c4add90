package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codec is how a batch is compressed, by Kafka's number.
type codec uint8

const (
	plain codec = iota
	gzipped
	snappied
	lz4ed
	zstded
)

var errTooLarge = errors.New("it inflates to too much")

// inflate gives what b inflates to, or errTooLarge where that is more than limit
// bytes, or another error. It holds hardly more memory than it returns.
func inflate(c codec, b []byte, limit int) ([]byte, error) {
	switch c {
	case gzipped:
		return inflateGzip(b, limit)
	case snappied:
		return inflateSnappy(b, limit)
	case lz4ed:
		r := lz4s.Get().(*lz4.Reader)
		defer lz4s.Put(r)
		r.Reset(bytes.NewReader(b))
		return readAll(r, len(b)+len(b)/2, limit)
	case zstded:
		return inflateZstd(b, limit)
	}
	return nil, errMalformed
}

// readAll reads r to its end, into memory that begins with room for about so much.
func readAll(r io.Reader, about, limit int) ([]byte, error) {
	// A reader says that it is at its end only when asked for more.
	out := make([]byte, 0, min(about, limit)+bytes.MinRead)
	for {
		if len(out) == cap(out) {
			out = slices.Grow(out, min(max(cap(out), bytes.MinRead), limit+bytes.MinRead-len(out)))
		}
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case len(out) > limit:
			return nil, errTooLarge
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, err
		}
	}
}

var (
	gzips = sync.Pool{New: func() any { return new(gzip.Reader) }}
	lz4s  = sync.Pool{New: func() any { return lz4.NewReader(nil) }}
)

// deflateMost is about the most that deflate makes of one byte.
const deflateMost = 1032

func inflateGzip(b []byte, limit int) ([]byte, error) {
	// The last four bytes say what it inflates to, and are checked at its end. If they
	// say more than may be, then it is too large or they are wrong.
	if len(b) < 4 {
		return nil, io.ErrUnexpectedEOF
	}
	about := int64(binary.LittleEndian.Uint32(b[len(b)-4:]))
	r := gzips.Get().(*gzip.Reader)
	defer gzips.Put(r)
	// A bytes.Reader is what the decompressor has a fast path for.
	if err := r.Reset(bytes.NewReader(b)); err != nil {
		return nil, err
	}
	if about > int64(limit) {
		return nil, errTooLarge
	}
	return readAll(r, int(min(about, deflateMost*int64(len(b)))), limit)
}

// What producers in Java write before their snappy blocks.
var xerialMagic = []byte{130, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const xerialHeader = 16

// inflateSnappy reads one block, or blocks with a length before each. Blocks say what
// they inflate to.
func inflateSnappy(b []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(b, xerialMagic) || len(b) < xerialHeader {
		n, err := s2.DecodedLen(b)
		if err != nil {
			return nil, err
		}
		if n > limit {
			return nil, errTooLarge
		}
		return s2.Decode(nil, b)
	}
	total := 0
	err := xerialBlocks(b, func(block []byte) error {
		n, err := s2.DecodedLen(block)
		if total += n; err == nil && total > limit {
			err = errTooLarge
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, total)
	err = xerialBlocks(b, func(block []byte) error {
		n, err := s2.DecodedLen(block)
		if err == nil {
			_, err = s2.Decode(out[len(out):len(out)+n], block)
			out = out[:len(out)+n]
		}
		return err
	})
	return out, err
}

func xerialBlocks(b []byte, do func([]byte) error) error {
	for b = b[xerialHeader:]; len(b) > 0; {
		if len(b) < 4 {
			return io.ErrUnexpectedEOF
		}
		n := int64(binary.BigEndian.Uint32(b))
		if n > int64(len(b)-4) {
			return io.ErrUnexpectedEOF
		}
		if err := do(b[4 : 4+n]); err != nil {
			return err
		}
		b = b[4+n:]
	}
	return nil
}

// maxWindow is the largest window that Kafka's highest level of zstd asks for. It costs
// nothing: what is inflated is its own window.
const maxWindow = 128 << 20

// zstds are decoders by what they decode at the most.
var zstds sync.Map

func zstdDecoder(most int) (*zstd.Decoder, error) {
	if d, ok := zstds.Load(most); ok {
		return d.(*zstd.Decoder), nil
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(uint64(most)), zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	known, _ := zstds.LoadOrStore(most, d) // one that is not used holds nothing
	return known.(*zstd.Decoder), nil
}

func inflateZstd(b []byte, limit int) ([]byte, error) {
	// The decoder takes a large window for much to decode, though it may be little.
	most := limit
	var h zstd.Header
	if err := h.Decode(b); err == nil && !h.HasFCS && h.WindowSize > uint64(limit) {
		most = max(limit, maxWindow)
	}
	d, err := zstdDecoder(most)
	if err != nil {
		return nil, err
	}
	out, err := d.DecodeAll(b, nil)
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded), len(out) > limit:
		return nil, errTooLarge
	case err != nil:
		return nil, err
	}
	return out, nil
}
