package inputs

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/result"
)

// Update is what the feed tells.
type Update struct {
	// Reset says that what was told before is to be forgotten: it is the first update, the
	// output was made anew, or another day has begun.
	Reset bool
	// Day is the day whose rows are told, from its beginning on, by the clocks of the zone. It
	// is today, or that of the output's newest row if that is earlier.
	Day time.Time
	// Rows are the next ones, of all that the output has but features; those of each partition
	// are in the order of the log. They belong to all that are told: not to be changed.
	Rows []result.Frame
	// Current: these are all that there are now. Rows that are told later are new.
	Current bool
}

// feed reads the output's rows as they come, once for all views.
type feed struct {
	in *Inputs

	mu    sync.Mutex
	told  []func(Update)
	ready chan struct{} // closed when the feed has come to the end of the output
}

func newFeed(in *Inputs) *feed { return &feed{in: in, ready: make(chan struct{})} }

// OnRows has fn told of the rows of the day, one update after another. It is to be called
// before [Inputs.Run].
func (in *Inputs) OnRows(fn func(Update)) {
	in.feed.mu.Lock()
	defer in.feed.mu.Unlock()
	in.feed.told = append(in.feed.told, fn)
}

// Ready is closed when all rows of the day have been told that there were at first.
func (in *Inputs) Ready() <-chan struct{} { return in.feed.ready }

// Run looks after the inputs until the context ends.
func (in *Inputs) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { in.watch(ctx) })
	all.Go(func() { in.feed.run(ctx) })
	all.Wait()
}

const (
	// followEvery is how often the output is asked for new rows: an event is on the page
	// within a second of its row being published.
	followEvery = 400 * time.Millisecond
	// followAway is how often one is that is away.
	followAway = 2 * time.Second
)

func (f *feed) tell(u Update) {
	f.mu.Lock()
	told := slices.Clone(f.told)
	f.mu.Unlock()
	for _, fn := range told {
		fn(u)
	}
}

func (f *feed) run(ctx context.Context) {
	var at *following
	for ctx.Err() == nil {
		wait := followEvery
		next, err := f.step(ctx, at)
		at = next
		if f.in.Told(Output, err) != nil {
			wait = followAway
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// following is an output that is followed.
type following struct {
	*scan.Follower
	scan    *scan.Scan
	day     time.Time
	newest  time.Time // when the newest of the rows that were told was captured
	digests []string  // of its generations: another output has others
	made    time.Time // when its layout was written, on a disk of this machine
}

// step tells what is new.
func (f *feed) step(ctx context.Context, at *following) (*following, error) {
	today := period.Day(time.Now(), f.in.Zone).From
	if at != nil {
		if now := period.Day(at.newest, f.in.Zone).From; now.After(at.day) && !now.After(today) {
			at = nil // a new day has its first row
		}
	}
	if at == nil || !at.same(f.in.Output) {
		next, err := f.begin(ctx, today)
		if err != nil {
			return nil, err
		}
		at = next
		f.tell(Update{Reset: true, Day: at.day})
	}
	err := at.Next(ctx, func(b scan.Batch) error {
		for i := range b.Rows {
			if t := b.Rows[i].At(); t.After(at.newest) {
				at.newest = t
			}
		}
		f.tell(Update{Day: at.day, Rows: b.Rows})
		return ctx.Err()
	})
	if err != nil {
		return at, err
	}
	f.tell(Update{Day: at.day, Current: true})
	select {
	case <-f.ready:
	default:
		close(f.ready)
	}
	return at, nil
}

// begin opens the output at the beginning of its newest day.
func (f *feed) begin(ctx context.Context, today time.Time) (*following, error) {
	s, err := scan.Open(ctx, f.in.Output)
	if err != nil {
		return nil, err
	}
	at := &following{scan: s, day: today, made: made(f.in.Output), digests: digests(s)}
	if !at.has(ctx, today) {
		_, newest, err := s.Captured(ctx)
		if err != nil {
			return nil, err
		}
		if !newest.IsZero() && newest.Before(today) {
			at.day = period.Day(newest, f.in.Zone).From
		}
	}
	at.Follower = s.Follow(scan.Query{
		Period: period.Period{From: at.day, Zone: f.in.Zone}, Columns: result.AllColumns &^ result.OfFeatures,
	})
	return at, nil
}

// made is when an output's layout was written, which is never written again; zero where that is
// not known.
func made(root string) time.Time {
	info, err := os.Stat(filepath.Join(root, "_framebeam", "layout.json"))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func digests(s *scan.Scan) (all []string) {
	for _, g := range s.Output().Generations() {
		all = append(all, g.ConfigDigest)
	}
	return all
}

// same reports whether the output is still the one that is followed, as far as can be told.
// One that is away may come back.
func (at *following) same(root string) bool {
	if t := made(root); !t.IsZero() && !t.Equal(at.made) {
		return false
	}
	now := digests(at.scan)
	return len(now) >= len(at.digests) && slices.Equal(now[:len(at.digests)], at.digests)
}

// has reports whether the output may have rows from a moment on.
func (at *following) has(ctx context.Context, from time.Time) bool {
	for _, err := range at.scan.Files(ctx, scan.Query{Period: period.Period{From: from}}) {
		return err == nil
	}
	return false
}
