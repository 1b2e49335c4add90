package frame

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/wire"
)

func TestWhatIsWrongWithAnUnreadableRecordSurvivesItsEncoding(t *testing.T) {
	p := newParser(t, ParseOptions{})
	for _, why := range []*Poison{
		{ReasonBatchTooLarge, "its batch inflates to more than 67108864 bytes"},
		{ReasonBatchCorrupt, "a: b"},
		{ReasonBatchCorrupt, ""},
	} {
		rec := Unreadable(7, 9, why)
		got := ReadRecord(wire.NewReader(rec.Append(nil)))
		if d := cmp.Diff(rec, got); d != "" {
			t.Fatal(d)
		}
		var poison *Poison
		if _, err := p.Parse(&got); !errors.As(err, &poison) || *poison != *why || got.Camera() != "" || got.Offset != 7 || got.Timestamp != 9 {
			t.Errorf("%v, want %v", err, why)
		}
	}
}

// Somebody else's records with that header are what they would be without it.
func TestARecordThatOnlyLooksUnreadableIsReadAsAnyOther(t *testing.T) {
	p := newParser(t, ParseOptions{})
	header := []Header{{unreadable, []byte("batch_corrupt: x")}}
	for want, rec := range map[Reason]Record{
		ReasonEmpty:   {Key: []byte("cam"), Headers: header},
		ReasonNoKey:   {Headers: []Header{{unreadable, []byte("no_such_reason: x")}}},
		ReasonBadJSON: {Key: []byte("cam"), Value: []byte("x"), Headers: header},
	} {
		var poison *Poison
		if _, err := p.Parse(&rec); !errors.As(err, &poison) || poison.Reason != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
