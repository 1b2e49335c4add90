package export_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/history/export"
	"github.com/framebeam/framebeam/history/historytest"
)

func TestWhatIsWrongIsNamed(t *testing.T) {
	for _, c := range []struct {
		name string
		u    export.Update
		want string
	}{
		{"nothing is given", export.Update{FileBytes: 1 << 20}, "--output is missing\n--tables is missing"},
		{"the tables lie in the output", export.Update{Output: "out/", To: "out/../out/tables", FileBytes: 1 << 20}, "inside of the output"},
		{"the tables are the output", export.Update{Output: "hdfs://n:1/out", To: "hdfs://n:1/out/", FileBytes: 1 << 20}, "inside of the output"},
		{"numbers out of range", export.Update{Output: "a", To: "ab", Again: time.Millisecond, Expire: -1, KeepDays: -1}, "--again-after=1ms: neither 0 nor at least 1s\n" +
			"--expire=-1ns: less than 0\n--keep-days=-1: not 0 to 36500\n--file-bytes=0: not 1048576 to 4294967296"},
	} {
		if err := c.u.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	ok := export.Update{Output: "out", To: "out-tables", FileBytes: 1 << 20}
	if err := ok.Check(); err != nil {
		t.Error(err)
	}
	for days, want := range map[string]string{
		"": "", "2024-05-01": "", "2024-05-01..2024-05-07": "", "2024-05-07..2024-05-01": "ends before it begins", "2024-5-1": "not 2024-05-01", "2024-05-01..": "not 2024-05-01",
	} {
		q := export.Files{To: "tables", Table: "frames", Days: days}
		if err := q.Check(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", days, err)
		}
	}
	bad := export.Files{Table: "rows", Cameras: []string{"Front Door"}}
	if err := bad.Check(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("the error is %v", err)
	}
}

func TestAnOutputIsKeptAsTablesWhoseFilesAreNamed(t *testing.T) {
	out, to := t.TempDir(), t.TempDir()+"/it's"
	made := historytest.Output{Rows: 3000, N: 512, Partitions: 2, Cameras: 4, Span: 72 * time.Hour}
	if err := made.Write(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	u := export.Update{Output: out, To: to, FileBytes: 1 << 20}
	var said bytes.Buffer
	for range 2 {
		said.Reset()
		if err := u.Run(t.Context(), &said); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"frames: 2048 rows in ", "events: ", " 0 new", "frames+1: all before offset 1024\n"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &said)
		}
	}
	list := func(q export.Files) []string {
		q.To = to
		var b bytes.Buffer
		if err := q.Write(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		return strings.Fields(b.String())
	}
	all := list(export.Files{Table: "frames"})
	one := list(export.Files{Table: "frames", Cameras: []string{"camera-01"}, Days: "2024-05-01"})
	if len(one) != 1 || len(all) < 12 {
		t.Errorf("%d files, of a camera and day %v", len(all), one)
	}
	for _, f := range all {
		if _, err := os.Stat(f); err != nil {
			t.Error(err)
		}
	}
	var sql bytes.Buffer
	views := export.Files{To: to, SQL: true}
	if err := views.Write(t.Context(), &sql); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(sql.String(), "it''s/frames/data/"); n != len(all) || strings.Count(sql.String(), "create or replace temporary view") != 2 {
		t.Errorf("%d files in the views:\n%s", n, &sql)
	}
	if err := (&export.Files{To: t.TempDir(), Table: "frames"}).Write(t.Context(), &sql); err == nil || !strings.Contains(err.Error(), "there is no table") {
		t.Error(fmt.Sprint(err))
	}
}
