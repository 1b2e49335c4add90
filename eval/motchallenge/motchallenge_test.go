package motchallenge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

func TestReadTakesWhatTheBenchmarksHave(t *testing.T) {
	row := func(frame int, id int64, left, top, width, height, conf, x, y, z float64) Row {
		return Row{frame, id, left, top, width, height, conf, x, y, z}
	}
	cases := []struct {
		name, text string
		kind       Kind
		want       []Row
	}{
		{"nothing", "", Results, nil},
		{"detections of 2015", "1,-1,794.27,247.59,71.245,174.88,4.56,-1,-1,-1\n", Detections,
			[]Row{row(1, -1, 794.27, 247.59, 71.245, 174.88, 4.56, -1, -1, -1)}},
		{"detections without world coordinates", "1,-1,757,692,96,209,1\n", Detections, []Row{row(1, -1, 757, 692, 96, 209, 1, -1, -1, -1)}},
		{"a truth of 2016 with class and visibility", "3,2,10,20,30,40,0,7,0.5\n", Truth, []Row{row(3, 2, 10, 20, 30, 40, 0, 7, 0.5, -1)}},
		{"spaces, empty lines, Windows line ends, none at the end", " 1, 5, 1, 2, 3, 4, 1\r\n\r\n2,5,1e1,2,3,4,-0.5,-1,-1,-1", Results,
			[]Row{row(1, 5, 1, 2, 3, 4, 1, -1, -1, -1), row(2, 5, 10, 2, 3, 4, -0.5, -1, -1, -1)}},
		{"sorted by id, as truths are", "1,1,1,1,1,1,1\n2,1,1,1,1,1,1\n1,2,1,1,1,1,1\n", Truth,
			[]Row{row(1, 1, 1, 1, 1, 1, 1, -1, -1, -1), row(1, 2, 1, 1, 1, 1, 1, -1, -1, -1), row(2, 1, 1, 1, 1, 1, 1, -1, -1, -1)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read(strings.NewReader(c.text), c.kind, 0)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestReadSaysAllThatIsWrongAndWhere(t *testing.T) {
	text := strings.Join([]string{
		"1,1,1,1,1,1,1,-1,-1,-1",
		"1,2,1,1,1",
		"0,x,1,1,1,1,1",
		"1,3,nan,0x10,-1,0,inf",
		"1,1,1,1,1,1,1",
		"9999999999,-2,1e10,1,1,1,1,-1,-1,-1,-1",
		"9999999999,-2,1e10,1,1_0,1,1",
		strings.Repeat("1", 3*maxLine),
		"2,4,1,1,1,1,1",
		"1.0,99999999999999999999,,1,1,1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	}, "\n")
	const want = `line 2: 5 columns, not 7 to 10
line 3: frame: "0" is not a whole number from 1 to 1073741824
line 3: id: "x" is not a whole number from 0 to 9223372036854775807
line 4: left: "nan" is not a number from -1e+09 to 1e+09
line 4: top: "0x10" is not a number from -1e+09 to 1e+09
line 4: conf: "inf" is not a number from -1e+09 to 1e+09
line 4: width: -1 is not above 0
line 4: height: 0 is not above 0
line 6: 11 columns, not 7 to 10
line 7: frame: "9999999999" is not a whole number from 1 to 1073741824
line 7: id: "-2" is not a whole number from 0 to 9223372036854775807
line 7: left: "1e10" is not a number from -1e+09 to 1e+09
line 7: width: "1_0" is not a number from -1e+09 to 1e+09
line 8: more than 1023 bytes
line 10: frame: "1.0" is not a whole number from 1 to 1073741824
line 10: id: "99999999999999999999" is not a whole number from 0 to 9223372036854775807
line 10: left: "" is not a number from -1e+09 to 1e+09
line 10: conf: "aaaaaaaaaaaaaaaaaaaaaaaa..." is not a number from -1e+09 to 1e+09
line 5: id 1 is in frame 1 already, in line 1`
	_, err := Read(strings.NewReader(text), Results, 0)
	if d := cmp.Diff(want, fmt.Sprint(err)); d != "" {
		t.Error(d)
	}
}

func TestReadIsBounded(t *testing.T) {
	if _, err := Read(strings.NewReader("1,1,1,1,1,1,1\n1,2,1,1,1,1,1\n\n"), Results, 2); err != nil {
		t.Error(err)
	}
	if _, err := Read(strings.NewReader("1,1,1,1,1,1,1\n1,2,1,1,1,1,1\n1,3,1,1,1,1,1\n"), Results, 2); fmt.Sprint(err) != "line 3: more than 2 boxes" {
		t.Error(err)
	}
	_, err := Read(strings.NewReader(strings.Repeat("no\n", 5000)), Results, 0)
	if n := strings.Count(fmt.Sprint(err), "\n"); n != maxViolations || !strings.HasSuffix(err.Error(), "and 4900 more") {
		t.Errorf("%d violations: ...%s", n, err.Error()[len(err.Error())-20:])
	}
	if _, err := Read(strings.NewReader("1,7,1,1,1,1,1"), Detections, 0); err == nil {
		t.Error("detections have an id")
	}
	fails := io.MultiReader(strings.NewReader("1,1,1,1,1,1,1\n"), iotest.ErrReader(errors.New("broken")))
	if _, err := Read(fails, Results, 0); fmt.Sprint(err) != "line 2: broken" {
		t.Error(err)
	}
}

func TestBoxesCountPixelsFromZero(t *testing.T) {
	b := tracking.Box{X: 0, Y: 9.5, Width: 20, Height: 40.25}
	r := RowOf(3, 5, b, 0.5)
	if want := (Row{3, 5, 1, 10.5, 20, 40.25, 0.5, -1, -1, -1}); r != want {
		t.Errorf("%+v, want %+v", r, want)
	}
	if r.Box() != b {
		t.Errorf("%+v, want %+v", r.Box(), b)
	}
	if r := RowOf(1, 1, tracking.Box{X: 1.0 / 3, Width: 1, Height: 1}, 1); r.Left != 1.33 {
		t.Errorf("left %v is not rounded to hundredths", r.Left)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Float64Range(-mostValue, mostValue)
		side := rapid.Float64Range(1e-6, mostValue)
		var rows []Row
		for i := range rapid.IntRange(0, 20).Draw(t, "rows") {
			rows = append(rows, Row{
				Frame: 1 + i/3, ID: int64(i), Left: number.Draw(t, "left"), Top: number.Draw(t, "top"),
				Width: side.Draw(t, "width"), Height: side.Draw(t, "height"),
				Conf: number.Draw(t, "conf"), X: number.Draw(t, "x"), Y: number.Draw(t, "y"), Z: number.Draw(t, "z"),
			})
		}
		var b bytes.Buffer
		if err := Write(&b, rows); err != nil {
			t.Fatal(err)
		}
		back, err := Read(&b, Results, 0)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(rows, back); d != "" {
			t.Fatal(d)
		}
	})
}

func TestFramesAreThoseThatRowsHave(t *testing.T) {
	rows := []Row{{Frame: 2, ID: 1}, {Frame: 2, ID: 2}, {Frame: 5, ID: 1}, {Frame: 9}}
	var got []string
	for frame, rows := range Frames(rows) {
		if got = append(got, fmt.Sprint(frame, ":", len(rows))); frame == 5 {
			break
		}
	}
	if strings.Join(got, " ") != "2:2 5:1" {
		t.Error(got)
	}
}

// What is read is sorted, within its bounds, and the same after it was written.
func FuzzRead(f *testing.F) {
	f.Add("1,-1,794.27,247.59,71.245,174.88,4.56,-1,-1,-1\n", 0)
	f.Add("3,2,10,20,30,40,0,7,0.5\n1,2,10,20,30,40,1\r\n", 1)
	f.Add("1,1,1e-300,1E5,.5,5.,-0\n\n 2 , 1,1,1,1,1,1", 2)
	f.Fuzz(func(t *testing.T, text string, kind int) {
		k := Kind(uint(kind) % 3)
		rows, err := Read(strings.NewReader(text), k, 50)
		if err != nil {
			return
		}
		if len(rows) > 50 {
			t.Fatalf("%d rows", len(rows))
		}
		for i, r := range rows {
			if i > 0 && rows[i-1].Frame > r.Frame || r.Frame < 1 || !(r.Width > 0 && r.Height > 0) {
				t.Fatalf("row %d: %+v", i, r)
			}
		}
		var b bytes.Buffer
		if err := Write(&b, rows); err != nil {
			t.Fatal(err)
		}
		back, err := Read(&b, k, 50)
		if err != nil || !cmp.Equal(rows, back) {
			t.Fatal(err, cmp.Diff(rows, back))
		}
	})
}
