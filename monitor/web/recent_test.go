package web_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/framebeam/framebeam/monitor/web"
)

func TestWhatManyAskForAtOnceIsReadOnce(t *testing.T) {
	r := web.Recent[int64]{For: time.Hour}
	var reads atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if v, err := r.Get("a", func() (int64, error) { return reads.Add(1), nil }); v != 1 || err != nil {
				t.Errorf("%d, %v", v, err)
			}
		})
	}
	all.Wait()
	bad := errors.New("away")
	if _, err := r.Get("b", func() (int64, error) { return 0, bad }); !errors.Is(err, bad) {
		t.Error(err)
	}
	if v, err := r.Get("b", func() (int64, error) { return 7, nil }); v != 7 || err != nil {
		t.Errorf("after an error: %d, %v", v, err)
	}
	var none web.Recent[int]
	for i := range 2 {
		if v, err := none.Get("a", func() (int, error) { return i, nil }); v != i || err != nil {
			t.Errorf("kept for no time: %d, %v", v, err)
		}
	}
}
