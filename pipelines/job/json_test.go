package job_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestRecordsOfTheOriginalAreAnalysedWhateverTheirCamerasAreCalled(t *testing.T) {
	pixels := base64.StdEncoding.EncodeToString(make([]byte, 64*48*3))
	var recs []frame.Record
	for i := range 40 {
		for _, c := range []struct{ key, id string }{{"Front Door", `"Front Door"`}, {"Tür", `"T\u00fcr"`}, {"", `"yard"`}, {"", "null"}, {"gate", `""`}} {
			value := fmt.Sprintf(`{"cameraId":%s,"timestamp":%d.5,"rows":48,"cols":64,"type":16,"data":"%s"}`, c.id, 1795342272+i, pixels)
			rec := frame.Record{Timestamp: 1795342272000, Value: []byte(value)}
			if c.key != "" {
				rec.Key = []byte(c.key)
			}
			recs = append(recs, rec)
		}
	}
	b := trial.Start(t, recs)
	out := t.TempDir()
	j := jobOn(t, b, out, "now")
	run(t, j)
	got := map[string]int{}
	for _, r := range trial.Rows(t, out) {
		if r.Status != result.OK || r.Captured%1_000_000 != 500_000 {
			t.Fatalf("offset %d: %s %s %s %d", r.Offset, r.Status, r.Reason, r.Detail, r.Captured)
		}
		got[r.Camera]++
	}
	want := map[string]int{"id--Front.20Door": 40, "id--T.C3.BCr": 40, "yard": 40, "id--": 40, "gate": 40}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
