package table

import (
	"bytes"
	"testing"
	"time"
)

func TestColumnsAreAsWideAsWhatWasPrinted(t *testing.T) {
	var b bytes.Buffer
	tab := New(&b, "time", "what")
	tab.Row("1", "")
	if err := tab.Flush(); err != nil {
		t.Fatal(err)
	}
	tab.Row("longer", "Tür")
	tab.Row("x", "a\x1b[31mb\nc")
	if err := tab.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "TIME  WHAT\n1     -\nlonger  Tür\nx       \"a\\x1b[31mb\\nc\"\n"; b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}

func TestTimesSayHowFarTheyAreFromUTC(t *testing.T) {
	if got := Time(time.Unix(0, 0), time.FixedZone("", 3600)); got != "1970-01-01 01:00:00.000 +0100" {
		t.Error(got)
	}
}
