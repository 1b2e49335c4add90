package chaos

import (
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// good is what a run leaves behind in which nothing went wrong: two partitions with a
// film of which the beginning was published twice, and a live camera with two epochs.
func good(t *testing.T) Evidence {
	t.Helper()
	e := Evidence{Log: Log{}, Films: Log{}, Live: func(camera string) bool { return camera == "live" }}
	add := func(log Log, p int32, camera, epoch string, seq int, data []byte) {
		f := frame.Frame{
			Camera: camera, Epoch: epoch, Sequence: int64(seq), Captured: time.UnixMilli(1_700_000_000_000 + int64(seq)).UTC(),
			Width: Width, Height: Height, Encoding: frame.JPEG, Data: data,
		}
		rec := f.CloudEvent()
		rec.Offset = int64(len(log[p]))
		log[p] = append(log[p], rec)
	}
	for i := range 5 {
		add(e.Log, 0, "film", "file-1", i, picture(uint32(i)))
	}
	for i := range 8 {
		add(e.Log, 0, "film", "file-1", i, picture(uint32(i)))
		add(e.Films, 1, "film", "file-1", i, picture(uint32(i)))
	}
	for i := range 4 {
		add(e.Log, 1, "live", "a", i, picture(uint32(100+i)))
	}
	for i := range 4 {
		add(e.Log, 1, "live", "b", i, picture(uint32(110+2*i)))
	}
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for p, recs := range e.Log {
		for i := range recs {
			f, err := parser.Parse(&recs[i])
			if err != nil {
				t.Fatal(err)
			}
			r := result.Frame{Partition: p, Offset: recs[i].Offset, Camera: f.Camera, Epoch: f.Epoch, Sequence: f.Sequence, Status: result.OK}
			if p == 0 && i >= 5 && i < 10 {
				r.Status = result.Repeat
			}
			e.Rows = append(e.Rows, r)
		}
	}
	return e
}

func TestARunInWhichNothingWentWrongHasNoFaults(t *testing.T) {
	e := good(t)
	if v := Judge(e); len(v.Faults) > 0 || v.Records != 21 || v.Frames != 16 || v.Copies != 5 || v.Epochs != 2 || v.OK != 16 || v.Repeats != 5 {
		t.Error(v)
	}
	if faults := SameLog(e.Log, good(t).Log); len(faults) > 0 {
		t.Error(faults)
	}
}

// row is the index of a result.
func row(e *Evidence, partition int32, offset int64) int {
	for i, r := range e.Rows {
		if r.Partition == partition && r.Offset == offset {
			return i
		}
	}
	panic("there is no such row")
}

func TestTheOracleFindsEveryFaultThatIsPlanted(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(*Evidence)
		says  string
	}{
		{"a result is dropped", func(e *Evidence) { i := row(e, 0, 3); e.Rows = append(e.Rows[:i], e.Rows[i+1:]...) }, "partition 0 offset 3 has 0 results"},
		{"a result is doubled", func(e *Evidence) { e.Rows = append(e.Rows, e.Rows[row(e, 1, 2)]) }, "partition 1 offset 2 has 2 results"},
		{"a result has no record", func(e *Evidence) { e.Rows = append(e.Rows, result.Frame{Partition: 1, Offset: 99}) }, "partition 1 offset 99 has a result and no record"},
		{"a frame is counted twice", func(e *Evidence) { e.Rows[row(e, 0, 6)].Status = result.OK }, "partition 0 offset 6: .* is ok .* want repeat"},
		{"a frame is never counted", func(e *Evidence) { e.Rows[row(e, 0, 2)].Status = result.Repeat }, "want ok"},
		{"a frame is a dead letter", func(e *Evidence) { e.Rows[row(e, 1, 7)].Status = result.Dead }, "partition 1 offset 7: .* is dead"},
		{"results are exchanged", func(e *Evidence) { e.Rows[row(e, 0, 2)].Sequence++ }, "partition 0 offset 2"},
		{"a byte of a copy is flipped", func(e *Evidence) { flip(&e.Log[0][7]) }, "differs from its first copy"},
		{"a byte of a film is flipped", func(e *Evidence) { flip(&e.Log[0][12]) }, "of a file is another"},
		{"a frame of a film was never published", func(e *Evidence) {
			e.Log[0] = e.Log[0][:12]
			i := row(e, 0, 12)
			e.Rows = append(e.Rows[:i], e.Rows[i+1:]...)
		}, "of a file is lost"},
		{"a film has one frame too many", func(e *Evidence) { e.Films[1] = e.Films[1][:7] }, "is of no file"},
		{"a live picture is published as two frames", func(e *Evidence) { e.Log[1][5].Value = picture(102) }, "picture 102 is"},
		{"live pictures are out of order", func(e *Evidence) {
			e.Log[1][2].Value, e.Log[1][3].Value = e.Log[1][3].Value, e.Log[1][2].Value
		}, "after picture"},
		{"live frames are out of order", func(e *Evidence) {
			e.Numbered = func(string) bool { return false }
			swap := e.Log[1][2]
			e.Log[1][2].Value, e.Log[1][2].Headers, e.Log[1][2].Timestamp = e.Log[1][3].Value, e.Log[1][3].Headers, e.Log[1][3].Timestamp
			e.Log[1][3].Value, e.Log[1][3].Headers, e.Log[1][3].Timestamp = swap.Value, swap.Headers, swap.Timestamp
		}, "comes after number 3"},
		{"a live picture is garbage", func(e *Evidence) { e.Log[1][1].Value = picture(1)[:200] }, "partition 1 offset 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := good(t)
			c.plant(&e)
			v := Judge(e)
			if len(v.Faults) == 0 {
				t.Fatal("nothing was found")
			}
			for _, part := range strings.Split(c.says, ".*") {
				if !strings.Contains(strings.Join(v.Faults, "\n"), part) {
					t.Errorf("nothing is said of %q: %v", c.says, v)
				}
			}
		})
	}
}

// flip flips a bit in the middle of the value.
func flip(r *frame.Record) {
	v := append([]byte(nil), r.Value...)
	v[len(v)/2] ^= 1
	r.Value = v
}

func TestTwoLogsAreComparedByteForByte(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(Log)
	}{
		{"a record is missing", func(l Log) { l[0] = l[0][1:] }},
		{"a byte is flipped", func(l Log) { flip(&l[1][3]) }},
		{"a header is lost", func(l Log) { l[0][0].Headers = l[0][0].Headers[1:] }},
		{"a time is another", func(l Log) { l[0][0].Timestamp++ }},
		{"a partition is empty", func(l Log) { delete(l, 1) }},
		{"there is one partition more", func(l Log) { l[2] = l[1] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := good(t).Log
			c.plant(other)
			if len(SameLog(good(t).Log, other)) == 0 {
				t.Error("nothing was found")
			}
		})
	}
}

func TestAPicturesNumberIsRead(t *testing.T) {
	for _, n := range []uint32{0, 1, 2, 255, 1 << 12, 1<<24 - 1, 0xabcdef} {
		if got, err := Number(picture(n)); got != n || err != nil {
			t.Errorf("%d is read as %d, %v", n, got, err)
		}
	}
	if _, err := Number([]byte("no picture")); err == nil {
		t.Error("what is no picture has a number")
	}
}
