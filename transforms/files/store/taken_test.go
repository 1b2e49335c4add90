package store_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/framebeam/framebeam/transforms/files/store"
)

func TestAFileThatWasTakenIsGivenBackOrDiscarded(t *testing.T) {
	for kind, f := range folders(t) {
		t.Run(kind, func(t *testing.T) {
			ctx := t.Context()
			put := func(text string) {
				t.Helper()
				if err := f.WriteAtomic(ctx, "a/x", []byte(text)); err != nil {
					t.Fatal(err)
				}
				// Nothing needs the folder of temporary files to be there.
				if err := f.Remove(ctx, "a/_temporary"); err != nil {
					t.Fatal(err)
				}
			}
			is := func(name, want string) {
				t.Helper()
				b, err := f.Read(ctx, name)
				if want == "" && !errors.Is(err, fs.ErrNotExist) || want != "" && string(b) != want {
					t.Errorf("%s is %q, %v", name, b, err)
				}
			}
			take := func() *store.Taken {
				t.Helper()
				x, err := f.Take(ctx, "a/x")
				if err != nil {
					t.Fatal(err)
				}
				is("a/x", "")
				return x
			}
			if _, err := f.Take(ctx, "a/x"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("nothing is there: %v", err)
			}
			put("one")
			x := take()
			is(x.Name(), "one")
			if err := x.PutBack(ctx); err != nil {
				t.Error(err)
			}
			is("a/x", "one")
			if err := errors.Join(x.PutBack(ctx), x.Replace(ctx), x.Discard(ctx)); err != nil {
				t.Errorf("it is back already: %v", err)
			}
			is("a/x", "one")

			x = take()
			put2 := f.WriteAtomic(ctx, "a/x", []byte("two"))
			if err := x.PutBack(ctx); put2 != nil || !errors.Is(err, fs.ErrExist) {
				t.Errorf("another is there: %v, %v", put2, err)
			}
			is("a/x", "two")
			if err := x.Replace(ctx); err != nil {
				t.Error(err)
			}
			is("a/x", "one")
			is(x.Name(), "")
		})
	}
}

func TestAFileWhoseTakerDiedIsRestored(t *testing.T) {
	for kind, f := range folders(t) {
		t.Run(kind, func(t *testing.T) {
			ctx := t.Context()
			if err := f.WriteAtomic(ctx, "x", []byte("one")); err != nil {
				t.Fatal(err)
			}
			x, err := f.Take(ctx, "x")
			if err != nil {
				t.Fatal(err)
			}
			if is, err := f.Restore(ctx, x.Name()); !is || err != nil {
				t.Fatalf("%v, %v", is, err)
			}
			if b, err := f.Read(ctx, "x"); string(b) != "one" || err != nil {
				t.Errorf("%q, %v", b, err)
			}
			// Where there is another by now, it goes.
			if x, err = f.Take(ctx, "x"); err != nil {
				t.Fatal(err)
			}
			if err := f.WriteAtomic(ctx, "x", []byte("two")); err != nil {
				t.Fatal(err)
			}
			if is, err := f.Restore(ctx, x.Name()); !is || err != nil {
				t.Fatalf("%v, %v", is, err)
			}
			if b, err := f.Read(ctx, "x"); string(b) != "two" || err != nil {
				t.Errorf("%q, %v", b, err)
			}
			if there, err := f.Exists(ctx, x.Name()); there || err != nil {
				t.Errorf("it is left: %v", err)
			}
			for _, other := range []string{"x", "_temporary/x.0123456789abcdef", "x.t0123456789abcde", "_temporary/.t0123456789abcde", "_temporary/x.t01"} {
				if is, err := f.Restore(ctx, other); is || err != nil {
					t.Errorf("%s: %v, %v", other, is, err)
				}
			}
		})
	}
}
