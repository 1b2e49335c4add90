package output

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// actor is a job as far as it meets others: it calls at between two steps.
type actor func(at func(point string)) error

// play runs actors in the order of the choices: each is the number of the one that
// goes on to its next step, or ^number of one that is killed. After the last choice
// whoever went on runs to its end, and then the others. It returns what was open to
// choose at each step, and the actors' errors; of those killed, errKilled.
func play(choices []int, actors ...actor) (open [][]int, errs []error) {
	type turn struct{ goOn chan bool }
	turns := make([]turn, len(actors))
	stopped := make(chan bool)
	errs = make([]error, len(actors))
	left := make([]bool, len(actors))
	for i, a := range actors {
		turns[i].goOn, left[i] = make(chan bool), true
		go func() {
			defer func() { stopped <- true }()
			wait := func(string) {
				if !<-turns[i].goOn {
					errs[i] = errKilled
					runtime.Goexit()
				}
			}
			wait("begin")
			errs[i] = errStanding
			errs[i] = a(func(point string) { stopped <- false; wait(point) })
		}()
	}
	var played []int
	for step := 0; ; step++ {
		var now []int
		for i := range actors {
			if left[i] {
				now = append(now, i, ^i)
			}
		}
		if len(now) == 0 {
			return open, errs
		}
		choice := goOn(played, now)
		if step < len(choices) {
			choice = choices[step]
		}
		open, played = append(open, now), append(played, choice)
		i := max(choice, ^choice)
		turns[i].goOn <- choice >= 0
		left[i] = !<-stopped
	}
}

// goOn is the choice of whoever played last, if it can still go on.
func goOn(played, open []int) int {
	if n := len(played); n > 0 && slices.Contains(open, played[n-1]) {
		return played[n-1]
	}
	return open[0]
}

var (
	errKilled   = errors.New("killed")
	errStanding = errors.New("has not ended")
)

// everyOrder plays all orders of the actors' steps in which at most so many are
// interrupted by another and at most so many killed, each on a fresh output, and
// calls check at the end of each.
func everyOrder(t *testing.T, interruptions, kills int, prepare func() (*store.Folder, []actor), check func(f *store.Folder, errs []error) error) {
	t.Helper()
	played := 0
	for stack := [][]int{nil}; len(stack) > 0; {
		choices := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		f, actors := prepare()
		open, errs := play(choices, actors...)
		if err := check(f, errs); err != nil {
			t.Fatalf("order %v: %v", choices, err)
		}
		killed, interrupted := 0, 0
		interrupts := func(whole []int, c int, open []int) bool {
			return len(whole) > 0 && whole[len(whole)-1] != c && c >= 0 && slices.Contains(open, whole[len(whole)-1])
		}
		for step, c := range choices {
			if c < 0 {
				killed++
			} else if interrupts(choices[:step], c, open[step]) {
				interrupted++
			}
		}
		// All else than what was played without being told is still to be tried.
		whole := append([]int{}, choices...)
		for step := len(choices); step < len(open); step++ {
			next := goOn(whole, open[step])
			for _, c := range open[step] {
				if c != next && (c >= 0 || killed < kills) && (!interrupts(whole, c, open[step]) || interrupted < interruptions) {
					stack = append(stack, append(append([]int{}, whole...), c))
				}
			}
			whole = append(whole, next)
		}
		played++
	}
	t.Logf("%d orders", played)
}

// writing is a job that commits chunk 0 with its own rows and states, as two jobs of
// one configuration do when a program's answers or their processors differ.
func writing(t *testing.T, spec Spec, content string) actor {
	return func(at func(string)) error {
		w, err := OpenWriter(t.Context(), spec)
		if err != nil {
			return err
		}
		w.hook = at
		end := testEnd(testID(0), 0)
		states := testStates(end)
		for i := range states {
			states[i].Bytes = append(states[i].Bytes, content...)
		}
		_, err = w.Commit(t.Context(), end, testRows(end, content), states, testPictures{})
		return err
	}
}

// content is what the chunk's results and states say that wrote them.
func content(t *testing.T, f *store.Folder) (results, states string, err error) {
	rows, _, err := readResults(t.Context(), f, testLayout.results(testName(t, 0)))
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	all, err := readStates(t.Context(), f, testLayout.states(testName(t, 0)), governing(gens("A"), "frames+0", 0).lineage)
	if err != nil {
		return "", "", err
	}
	return rows[0].Detail, strings.TrimPrefix(string(all["a"].Bytes), "a at 0"), nil
}

func TestResultsAndStatesAreOfOneJobInWhateverOrderTwoWriteThem(t *testing.T) {
	for _, left := range []string{"nothing", "states"} {
		t.Run(left+" there", func(t *testing.T) {
			everyOrder(t, 2, 0, func() (*store.Folder, []actor) {
				f := fakeFolder(t)
				o := testOpen(t, f, "A")
				testBegin(t, o, 0)
				if left == "states" { // of a job that was killed
					commit(t, o, 0, "killed", 0)
					remove(t, f, testLayout.results(testName(t, 0)))
				}
				return f, []actor{writing(t, o.Spec(), "one"), writing(t, o.Spec(), "two")}
			}, func(f *store.Folder, errs []error) error {
				results, states, err := content(t, f)
				if err != nil || results != states || results == "" {
					return fmt.Errorf("the results are of %q, the states of %q, %v; %v", results, states, err, errs)
				}
				for i, name := range []string{"one", "two"} {
					if errs[i] == nil && results != name {
						return fmt.Errorf("%s has committed, but %s is there", name, results)
					}
					if errs[i] != nil && !errors.Is(errs[i], ErrPromiseBroken) && !errors.Is(errs[i], errDisturbed) {
						return errs[i]
					}
				}
				if errs[0] != nil && errs[1] != nil {
					return fmt.Errorf("none has committed: %v", errs)
				}
				return nil
			})
		})
	}
}

func TestAJobThatGoesOnAfterKillsCommitsWhatIsNotCommitted(t *testing.T) {
	everyOrder(t, 1, 1, func() (*store.Folder, []actor) {
		f := fakeFolder(t)
		o := testOpen(t, f, "A")
		testBegin(t, o, 0)
		return f, []actor{writing(t, o.Spec(), "one"), writing(t, o.Spec(), "two")}
	}, func(f *store.Folder, errs []error) error {
		o := testOpen(t, f, "A")
		if err := o.Sweep(t.Context()); err != nil {
			return err
		}
		done, err := testWriter(t, o).Done(t.Context(), testID(0))
		if err != nil {
			return err
		}
		before, _, err := content(t, f)
		if err != nil && done {
			return err
		}
		if !done {
			if err := writing(t, o.Spec(), "three")(func(string) {}); err != nil {
				return fmt.Errorf("going on: %w", err)
			}
			before = "three"
		}
		results, states, err := content(t, f)
		if err != nil || results != states || results != before {
			return fmt.Errorf("the results are of %q, the states of %q, before they were of %q, %v", results, states, before, err)
		}
		return nil
	})
}

// A writer of generation 2 clears the chunk of generation 1, while generation 3 is
// begun, which may be of the configuration of generation 1 again.
func TestAWriterThatWasSupersededRemovesNothingOfItsSuccessor(t *testing.T) {
	for _, successor := range []string{"A", "C"} {
		for _, interruptions := range []int{1, 2} { // with one being killed, and with none
			t.Run(fmt.Sprint(successor, interruptions), func(t *testing.T) {
				everyOrder(t, interruptions, 1-interruptions/2, func() (*store.Folder, []actor) {
					f := fakeFolder(t)
					a := testOpen(t, f, "A")
					testBegin(t, a, 0)
					if err := writing(t, a.Spec(), "by A")(func(string) {}); err != nil {
						t.Fatal(err)
					}
					late := read(t, f, testLayout.results(testName(t, 0)))
					remove(t, f, testLayout.results(testName(t, 0)))
					b := testOpen(t, f, "B")
					overwrite(t, f, testLayout.results(testName(t, 0)), late) // A's writer had just looked
					return f, []actor{writing(t, b.Spec(), "by B"), func(at func(string)) error {
						o, err := Open(t.Context(), f, OpenConfig{N: testN, ConfigDigest: successor})
						if err != nil {
							return err
						}
						at("opened")
						if p, err := o.Resume(t.Context(), chunk.Partition{Topic: "frames"}); err != nil || p.Chunk == 1 {
							return err
						}
						return writing(t, o.Spec(), "by "+successor)(at)
					}}
				}, func(f *store.Folder, errs []error) error {
					o := testOpen(t, f, successor)
					if err := o.Sweep(t.Context()); err != nil {
						return err
					}
					if errs[1] != nil && !errors.Is(errs[1], errKilled) {
						return errs[1]
					}
					if errs[0] != nil && !errors.Is(errs[0], errKilled) && !errors.Is(errs[0], ErrSuperseded) {
						return errs[0]
					}
					if errs[1] == nil {
						if done, err := testWriter(t, o).Done(t.Context(), testID(0)); !done || err != nil {
							return fmt.Errorf("the successor's chunk is gone: %v; %v", err, errs)
						}
					}
					return nil
				})
			})
		}
	}
}
