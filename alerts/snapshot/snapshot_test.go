package snapshot

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/log"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAMakerThatIsClosedOpensNothing(t *testing.T) {
	m := New(clip.Where{Log: log.Spec{Kind: "nonsense"}}, time.UTC, 0)
	if p := m.Picture(t.Context(), &eventsink.Event{}); p.JPEG != nil || p.Without == "" || p.Without == errClosed.Error() {
		t.Errorf("%+v", p)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	e := eventsink.Event{}
	e.ID = "another"
	if p := m.Picture(t.Context(), &e); p.JPEG != nil || p.Without != errClosed.Error() {
		t.Errorf("%+v", p)
	}
}
