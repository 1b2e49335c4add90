package archive

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/framebeam/framebeam/transforms/frame"
)

// ErrDamaged is wrapped by every error that means: this file is not what was
// once written. It is truncated, or bytes in it have changed.
var ErrDamaged = errors.New("archive file is damaged")

// Reader reads one file from its beginning. Every record is checked against its
// digest, and the end of the file against what was read up to there.
type Reader struct {
	ocf   *ocf.Reader
	span  Span
	empty bool
	sum   Summary
	done  bool
}

// NewReader reads the file of span from r; r is not closed. An error wraps
// ErrDamaged unless the file is of a format that is not known.
func NewReader(r io.Reader, span Span) (*Reader, error) {
	rd := &Reader{span: span, sum: noRecords}
	var unknown error
	check := func(o *ocf.Reader) (*avro.Schema, error) {
		meta := o.Metadata()
		if f := string(meta[metaFormat]); f != strconv.Itoa(fileFormat) {
			unknown = fmt.Errorf("format %q is not known (known: %d)", f, fileFormat)
			return nil, unknown
		}
		if _, ok := meta["avro.codec"]; ok || string(o.Schema().Canonical()) != string(schema.Canonical()) {
			return nil, errors.New("another schema or codec than the format's")
		}
		for _, m := range []struct{ key, want string }{
			{metaTopic, span.Topic}, {metaPartition, strconv.Itoa(int(span.Partition.ID))}, {metaN, strconv.FormatInt(span.N, 10)},
			{metaStart, strconv.FormatInt(span.Start, 10)}, {metaEnd, strconv.FormatInt(span.End-1, 10)},
		} {
			if got := string(meta[m.key]); got != m.want {
				return nil, fmt.Errorf("%s is %.80q, not %s as the name says", m.key, got, m.want)
			}
		}
		var err error
		rd.empty, err = strconv.ParseBool(string(meta[metaEmpty]))
		return nil, err
	}
	var err error
	rd.ocf, err = ocf.NewReader(r, ocf.WithReaderSchemaFunc(check),
		ocf.WithMaxBlockBytes(MaxRecord+2*blockBytes), ocf.WithMaxDecompressedBlockBytes(MaxRecord+2*blockBytes))
	if unknown != nil {
		return nil, fmt.Errorf("archive %s: %w", span.Name(), unknown)
	}
	if err != nil {
		return nil, rd.damaged(err)
	}
	return rd, nil
}

// Next returns the next record, whose memory belongs to the caller. It returns
// io.EOF after the last one of a complete file, and an error that wraps
// ErrDamaged for any other end.
func (r *Reader) Next() (frame.Record, error) {
	var in row
	err := r.ocf.Decode(&in)
	switch {
	case err == io.EOF && (r.done || r.empty):
		return frame.Record{}, io.EOF
	case err == io.EOF:
		return frame.Record{}, r.damaged(fmt.Errorf("it ends after offset %d (%d records) without its last record", r.sum.Last, r.sum.Records))
	case err != nil:
		return frame.Record{}, r.damaged(err)
	case r.done || r.empty:
		return frame.Record{}, r.damaged(errors.New("records after its end"))
	case in.Offset < r.span.Start || in.Offset >= r.span.End || in.Offset <= r.sum.Last:
		return frame.Record{}, r.damaged(fmt.Errorf("offset %d after %d does not belong there", in.Offset, r.sum.Last))
	}
	rec := frame.Record{Offset: in.Offset, Timestamp: in.Timestamp, Key: bytesOf(in.Key), Value: bytesOf(in.Value)}
	if len(in.Headers) > 0 {
		rec.Headers = make([]frame.Header, len(in.Headers))
		for i, h := range in.Headers {
			rec.Headers[i] = frame.Header{Key: h.Key, Value: bytesOf(h.Value)}
		}
	}
	digest := rec.Digest()
	if int64(digest) != in.Digest {
		return frame.Record{}, r.damaged(fmt.Errorf("the record at offset %d does not match its digest", in.Offset))
	}
	r.sum.add(&rec, digest)
	if in.End != nil {
		if *in.End != *r.sum.end() {
			return frame.Record{}, r.damaged(fmt.Errorf("it has %d records up to offset %d, and its end says otherwise", r.sum.Records, r.sum.Last))
		}
		r.done = true
	}
	return rec, nil
}

// Summary is what was read so far; of the whole file after io.EOF.
func (r *Reader) Summary() Summary { return r.sum }

func (r *Reader) damaged(err error) error {
	return fmt.Errorf("archive %s: %w: %w", r.span.Name(), ErrDamaged, err)
}
