package chunk_test

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/wire"
)

func TestPartition_hasOneFormForEachUse(t *testing.T) {
	p := chunk.Partition{Topic: "frames", ID: 3}
	if got := p.Key(); got != "frames+3" {
		t.Errorf("the key is %q", got)
	}
	if got := p.String(); got != "topic frames partition 3" {
		t.Errorf("errors name it %q", got)
	}
	if got, want := p.Append(nil), wire.Int(wire.String(nil, "frames"), 3); !bytes.Equal(got, want) {
		t.Errorf("it is encoded as % x, want % x", got, want)
	}
}

func TestPartition_isParsedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := chunk.Partition{
			Topic: rapid.StringMatching(`[A-Za-z0-9_-][A-Za-z0-9._-]{2,20}`).Draw(t, "topic"),
			ID:    rapid.Int32Min(0).Draw(t, "id"),
		}
		if got, err := chunk.ParsePartition(p.Key()); err != nil || got != p {
			t.Fatalf("%q gives %v, %v", p.Key(), got, err)
		}
		r := wire.NewReader(p.Append(nil))
		if got := chunk.ReadPartition(r); r.Close() != nil || got != p {
			t.Fatalf("%v is read as %v, %v", p, got, r.Err())
		}
	})
}

func TestParsePartition_refuses(t *testing.T) {
	for _, key := range []string{"", "t", "+0", "t+", "t+x", "t+-1", "t+00", "t+ 0", "t+0+0", "t+2147483648", "a/b+0", "..+0"} {
		if p, err := chunk.ParsePartition(key); err == nil {
			t.Errorf("%q is parsed as %v", key, p)
		}
	}
}

func TestReadPartition_refuses(t *testing.T) {
	for _, id := range []int64{-1, math.MaxInt32 + 1} {
		r := wire.NewReader(wire.Int(wire.String(nil, "t"), id))
		if p := chunk.ReadPartition(r); r.Err() == nil {
			t.Errorf("%d is read as %v", id, p)
		}
	}
}
