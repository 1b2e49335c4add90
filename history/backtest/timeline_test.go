package backtest

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimelinesOfCamerasAddUpToThatOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, cameras := newTimeline(), map[string]*timeline{}
		for _, camera := range []string{"gate", "yard", "roof"} {
			l := newTimeline()
			span := rapid.SampledFrom([]int64{10, 5_000, 10_000_000}).Draw(t, "span of "+camera)
			for _, second := range rapid.SliceOfN(rapid.Int64Range(1_700_000_000, 1_700_000_000+span), 0, 30).Draw(t, camera) {
				l.at(second*1e6).Before++
				if camera != "roof" { // which never differs
					l.at(second*1e6).Removed++
				}
			}
			cameras[camera] = &l
			all.add(&l)
		}
		buckets, width := all.list()
		want, got := map[time.Time]Count{}, map[time.Time]Count{}
		for _, b := range buckets {
			want[b.From] = b.Count
		}
		lists := worst(cameras, all.width)
		for _, b := range cameras["roof"].buckets { // is in none of them
			got[time.Time{}] = Count{Before: got[time.Time{}].Before + b.Before}
		}
		var rest int64
		for camera, list := range lists {
			if camera == "roof" || len(list) == 0 {
				t.Fatalf("%s has %v", camera, list)
			}
			for _, b := range list {
				if b.From.Unix()%int64(width/time.Second) != 0 {
					t.Fatalf("a bucket of %s begins at %v, of width %v", camera, b.From, width)
				}
				c := got[b.From]
				c.Add(b.Count)
				got[b.From] = c
			}
		}
		for at, c := range want {
			if g := got[at]; g.Removed != c.Removed || g.Before > c.Before {
				t.Fatalf("at %v: %+v, want %+v", at, g, c)
			}
			rest += c.Before - got[at].Before
		}
		if rest != got[time.Time{}].Before {
			t.Fatalf("%d events are of no timeline, want those of roof: %d", rest, got[time.Time{}].Before)
		}
	})
}
