package pipeline

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestJobsThatRunStandBeforeThoseThatEndedAndNewOnesBeforeOld(t *testing.T) {
	id := func(n int) string { return fmt.Sprintf("%032x", n) }
	overview := func(w http.ResponseWriter, of func(job int) (start, end int), jobs ...int) {
		var list []string
		for _, n := range jobs {
			start, end := of(n)
			list = append(list, fmt.Sprintf(`{"jid":%q,"name":"analyze","state":"RUNNING","start-time":%d,"end-time":%d}`, id(n), start, end))
		}
		fmt.Fprintf(w, `{"jobs":[%s]}`, strings.Join(list, ","))
	}
	rest := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/jobs/overview" {
			http.NotFound(w, r)
			return
		}
		// Of job n: it began at n, and has ended unless n is 3 or 5.
		overview(w, func(n int) (int, int) {
			if n == 3 || n == 5 {
				return n, -1
			}
			return n, n + 100
		}, 7, 3, 12, 5, 1, 2, 4, 6, 8, 9, 10, 11)
	}))
	defer rest.Close()
	c, err := askFlink(t.Context(), rest.URL)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, j := range c.Jobs {
		got = append(got, j.ID)
	}
	for _, n := range []int{5, 3, 12, 11, 10, 9, 8, 7, 6, 4} {
		want = append(want, id(n))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
