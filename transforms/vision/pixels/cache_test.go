package pixels_test

import (
	"sync"
	"testing"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func mat(value float64) gocv.Mat {
	return gocv.NewMatWithSizeFromScalar(gocv.NewScalar(value, 0, 0, 0), 10, 10, gocv.MatTypeCV8UC1) // 100 bytes
}

func key(offset int64) pixels.Key {
	return pixels.KeyOf("frames", 0, offset, &frame.Frame{Width: 10, Height: 10, Data: []byte("x")})
}

func TestCacheGivesAMatOnce(t *testing.T) {
	c := pixels.NewCache(1000)
	c.Put(key(1), mat(5))
	m, ok := c.Take(key(1))
	if !ok || m.GetUCharAt(0, 0) != 5 {
		t.Fatal("what was put in is not there")
	}
	m.Close()
	if _, ok := c.Take(key(1)); ok {
		t.Error("taken twice")
	}
	if c.Bytes() != 0 {
		t.Errorf("%d bytes in an empty cache", c.Bytes())
	}
}

func TestCacheKeysTellPlaceAndContentApart(t *testing.T) {
	f := frame.Frame{Width: 4, Height: 1, Data: []byte("data")}
	base := pixels.KeyOf("a", 0, 1, &f)
	for name, other := range map[string]pixels.Key{
		"topic":     pixels.KeyOf("b", 0, 1, &f),
		"partition": pixels.KeyOf("a", 1, 1, &f),
		"offset":    pixels.KeyOf("a", 0, 2, &f),
		"content":   pixels.KeyOf("a", 0, 1, &frame.Frame{Width: 4, Height: 1, Data: []byte("atad")}),
		"shape":     pixels.KeyOf("a", 0, 1, &frame.Frame{Width: 1, Height: 4, Data: []byte("data")}),
	} {
		if other == base {
			t.Errorf("another %s has the same key", name)
		}
	}
	if pixels.KeyOf("a", 0, 1, &frame.Frame{Width: 4, Height: 1, Data: []byte("data")}) != base {
		t.Error("the same frame has another key")
	}
}

// entry is what a Mat of 100 bytes counts for.
const entry = 100 + 512

func TestCacheIsBoundedAndTheOldestMakeRoom(t *testing.T) {
	c := pixels.NewCache(3*entry + 50)
	for i := range int64(5) {
		c.Put(key(i), mat(float64(i)))
	}
	if c.Bytes() != 3*entry {
		t.Errorf("%d bytes, want %d", c.Bytes(), 3*entry)
	}
	for i := range int64(5) {
		m, ok := c.Take(key(i))
		if ok != (i >= 2) {
			t.Errorf("offset %d there: %v", i, ok)
		}
		if ok {
			m.Close()
		}
	}
	small := pixels.NewCache(entry - 1)
	small.Put(key(1), mat(1))
	if _, ok := small.Take(key(1)); ok || small.Bytes() != 0 {
		t.Error("a Mat larger than the cache was kept")
	}
}

func TestCachePutAgainReplaces(t *testing.T) {
	c := pixels.NewCache(1000)
	c.Put(key(1), mat(1))
	c.Put(key(1), mat(2))
	if c.Bytes() != entry {
		t.Errorf("%d bytes, want %d", c.Bytes(), entry)
	}
	m, _ := c.Take(key(1))
	defer m.Close()
	if m.GetUCharAt(0, 0) != 2 {
		t.Error("the older Mat was given")
	}
}

func TestCacheIsSafeForConcurrentUse(t *testing.T) {
	c := pixels.NewCache(1000)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range int64(200) {
				c.Put(key(i%20), mat(float64(i%20)))
				if m, ok := c.Take(key((i + 7) % 20)); ok {
					if int64(m.GetUCharAt(9, 9)) != (i+7)%20 {
						t.Error("a Mat of another key")
					}
					m.Close()
				}
			}
		})
	}
	wg.Wait()
	c.DropAll()
	if c.Bytes() != 0 {
		t.Errorf("%d bytes after DropAll", c.Bytes())
	}
}

func TestTakeGrayDecodesWhatWasNotHandedOver(t *testing.T) {
	f := frame.Frame{Width: 2, Height: 1, Channels: 1, Encoding: frame.Raw, Data: []byte{3, 4}}
	pixels.Handover.Put(pixels.KeyOf("frames", 0, 9, &f), mat(9))
	for _, want := range []uint8{9, 3} {
		m, err := pixels.TakeGray("frames", 0, 9, &f)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.GetUCharAt(0, 0); got != want {
			t.Errorf("first pixel %d, want %d", got, want)
		}
		m.Close()
	}
}
