// Package motchallenge reads and writes the text files of the MOTChallenge
// (https://motchallenge.net; L. Leal-Taixé et al., MOTChallenge 2015: Towards a
// Benchmark for Multi-Target Tracking, arXiv:1504.01942; A. Milan et al., MOT16: A
// Benchmark for Multi-Object Tracking, arXiv:1603.00831): a line per box,
//
//	frame,id,left,top,width,height,conf,x,y,z
//
// with frames and pixels counted from 1 and -1 for what there is not. Detections
// (det.txt) have no ids, the truth (gt.txt) and results do. Lines of detections and
// results may end after conf or any column behind it; those of a truth of 2016 and
// later have a class and a visibility in place of x, y and z.
package motchallenge

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

// Kind is which of the files it is.
type Kind int

const (
	// Detections have the id -1 and are told apart by nothing else.
	Detections Kind = iota
	// Truth has ids; where conf is 0 a box does not count.
	Truth
	// Results have ids.
	Results
)

const (
	// DefaultMaxRows is how many lines are read if no other number is given.
	DefaultMaxRows = 1 << 21
	// maxLine is how many bytes a line may have.
	maxLine = 1024
	// maxViolations is how many are listed.
	maxViolations = 100
	// mostFrame and mostValue bound frames and everything else.
	mostFrame = 1 << 30
	mostValue = 1e9
)

// Row is one line. Pixels are counted from 1, as in the file; see [Row.Box].
type Row struct {
	Frame                    int   // from 1
	ID                       int64 // -1: none
	Left, Top, Width, Height float64
	Conf                     float64
	// X, Y and Z are -1 where the file does not say them. In a truth with nine
	// columns X is the class (1: a pedestrian), Y the visibility, 0 to 1.
	X, Y, Z float64
}

// Box is the row's box with pixels counted from 0.
func (r Row) Box() tracking.Box {
	return tracking.Box{X: r.Left - 1, Y: r.Top - 1, Width: r.Width, Height: r.Height}
}

// RowOf makes the row of a box with pixels counted from 0, rounded to hundredths.
func RowOf(frame int, id int64, b tracking.Box, conf float64) Row {
	round := func(v float64) float64 { return math.Round(v*100) / 100 }
	return Row{Frame: frame, ID: id, Left: round(b.X + 1), Top: round(b.Y + 1), Width: round(b.Width), Height: round(b.Height),
		Conf: conf, X: -1, Y: -1, Z: -1}
}

// Read reads a whole file of at most maxRows lines (0: [DefaultMaxRows]; a row takes
// 80 bytes) and returns its rows by frame, those of a frame in the order of the file,
// which may be any. The error lists the violations, each with its line.
func Read(r io.Reader, kind Kind, maxRows int) ([]Row, error) {
	if maxRows == 0 {
		maxRows = DefaultMaxRows
	}
	var rows []Row
	var lines []int32
	var bad violations
	in := bufio.NewReaderSize(r, maxLine)
	for n := 1; ; n++ {
		line, tooLong, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		text := strings.TrimSpace(string(line))
		switch {
		case tooLong:
			bad.add(n, "more than %d bytes", maxLine-1)
		case text == "":
		case len(rows) == maxRows || n > math.MaxInt32:
			bad.add(n, "more than %d boxes", maxRows)
			return nil, bad.err()
		default:
			before := bad.count
			if row := parse(text, kind, func(format string, args ...any) { bad.add(n, format, args...) }); bad.count == before {
				rows, lines = append(rows, row), append(lines, int32(n))
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
	}
	if kind != Detections {
		twice(rows, lines, &bad)
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(a.Frame, b.Frame) })
	return rows, nil
}

// twice finds ids that are in a frame more than once.
func twice(rows []Row, lines []int32, bad *violations) {
	order := make([]int32, len(rows))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int {
		return cmp.Or(cmp.Compare(rows[i].Frame, rows[j].Frame), cmp.Compare(rows[i].ID, rows[j].ID), cmp.Compare(i, j))
	})
	for k := 1; k < len(order); k++ {
		a, b := order[k-1], order[k]
		if rows[a].Frame == rows[b].Frame && rows[a].ID == rows[b].ID {
			bad.add(int(lines[b]), "id %d is in frame %d already, in line %d", rows[b].ID, rows[b].Frame, lines[a])
		}
	}
}

// readLine returns the next line without its end. Of one that does not fit into the
// buffer it returns nothing, but reads it.
func readLine(in *bufio.Reader) (line []byte, tooLong bool, err error) {
	line, err = in.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		_, err = in.ReadSlice('\n')
	}
	if tooLong {
		return nil, true, err
	}
	return bytes.TrimSuffix(line, []byte("\n")), false, err
}

// parse reads one line; wrong is told everything that is wrong with it.
func parse(text string, kind Kind, wrong func(format string, args ...any)) Row {
	fields := strings.Split(text, ",")
	if len(fields) < 7 || len(fields) > 10 {
		wrong("%d columns, not 7 to 10", len(fields))
		return Row{}
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	whole := func(name, text string, least, most int64) int64 {
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil || v < least || v > most {
			wrong("%s: %q is not a whole number from %d to %d", name, cut(text), least, most)
		}
		return v
	}
	number := func(name, text string) float64 {
		v, err := strconv.ParseFloat(text, 64)
		// What else ParseFloat takes for numbers, others do not.
		if err != nil || strings.ContainsAny(text, "xXpP_iInN") || math.Abs(v) > mostValue {
			wrong("%s: %q is not a number from %g to %g", name, cut(text), -mostValue, mostValue)
			return 1 // whatever passes what is asked of it below
		}
		return v
	}
	leastID, mostID := int64(0), int64(math.MaxInt64)
	if kind == Detections {
		leastID, mostID = -1, -1
	}
	r := Row{
		Frame: int(whole("frame", fields[0], 1, mostFrame)), ID: whole("id", fields[1], leastID, mostID),
		Left: number("left", fields[2]), Top: number("top", fields[3]),
		Width: number("width", fields[4]), Height: number("height", fields[5]),
		Conf: number("conf", fields[6]), X: -1, Y: -1, Z: -1,
	}
	names := [...]string{"x", "y", "z"}
	for i, to := range []*float64{&r.X, &r.Y, &r.Z} {
		if 7+i < len(fields) {
			*to = number(names[i], fields[7+i])
		}
	}
	for _, side := range []struct {
		name string
		v    float64
	}{{"width", r.Width}, {"height", r.Height}} {
		if side.v <= 0 {
			wrong("%s: %v is not above 0", side.name, side.v)
		}
	}
	return r
}

// cut shortens what is quoted.
func cut(text string) string {
	if len(text) > 24 {
		return text[:24] + "..."
	}
	return text
}

// violations are what is wrong with a file.
type violations struct {
	list  []error
	count int
}

func (v *violations) add(line int, format string, args ...any) {
	if v.count++; v.count <= maxViolations {
		v.list = append(v.list, fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...)))
	}
}

func (v *violations) err() error {
	list := v.list
	if n := v.count - len(list); n > 0 {
		list = append(list, fmt.Errorf("and %d more", n))
	}
	return errors.Join(list...)
}

// Write writes rows with all ten columns. Numbers have as many digits as they need
// so that [Read] gives the same rows.
func Write(w io.Writer, rows []Row) error {
	b := bufio.NewWriter(w)
	var line []byte
	for _, r := range rows {
		line = strconv.AppendInt(line[:0], int64(r.Frame), 10)
		line = strconv.AppendInt(append(line, ','), r.ID, 10)
		for _, v := range [...]float64{r.Left, r.Top, r.Width, r.Height, r.Conf, r.X, r.Y, r.Z} {
			line = strconv.AppendFloat(append(line, ','), v, format(v), -1, 64)
		}
		if _, err := b.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return b.Flush()
}

// format keeps lines of extreme numbers short enough to be read.
func format(v float64) byte {
	if a := math.Abs(v); a >= 1e15 || a < 1e-6 && a > 0 {
		return 'e'
	}
	return 'f'
}

// Frames goes over the frames that rows, sorted by frame, have.
func Frames(rows []Row) iter.Seq2[int, []Row] {
	return func(yield func(int, []Row) bool) {
		for i := 0; i < len(rows); {
			j := i
			for j < len(rows) && rows[j].Frame == rows[i].Frame {
				j++
			}
			if !yield(rows[i].Frame, rows[i:j]) {
				return
			}
			i = j
		}
	}
}
