package plan

import (
	"context"
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

func TestPlaces(t *testing.T) {
	for _, s := range []string{"never", "now", "17", "2024-05-01T08:00:00+02:00"} {
		if _, err := Until(s); err != nil {
			t.Errorf("--until=%s: %v", s, err)
		}
	}
	for _, s := range []string{"", "earliest", "-1", "tomorrow", "9223372036854775807"} {
		if _, err := Until(s); err == nil {
			t.Errorf("--until=%s was accepted", s)
		}
	}
}

// aheadLog is a log that has gained records since its bounds were asked for.
type aheadLog struct{ log.Log }

func (aheadLog) OffsetAt(context.Context, chunk.Partition, time.Time) (int64, error) { return 12, nil }

func TestATimeThatIsNotReachedIsTheEndThatWasSeen(t *testing.T) {
	p, err := Until("2999-01-01T00:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Resolve(context.Background(), aheadLog{}, chunk.Partition{Topic: "frames"}, 0, 10); got != 10 || err != nil {
		t.Errorf("got %d, %v; want 10", got, err)
	}
}
