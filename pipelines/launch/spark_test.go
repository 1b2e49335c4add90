package launch

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestAJobOnSparkWaitsForItsTurn(t *testing.T) {
	taken := errors.New("job a failed: org.apache.spark.SparkException: Only one SparkContext should be running in this JVM (see SPARK-2243).")
	broken := errors.New("job a failed: something else")
	for _, c := range []struct {
		name    string
		answers []error
		want    error
	}{
		{"and is done", []error{nil}, nil},
		{"and fails", []error{broken, nil}, broken},
		{"while another runs, and is done", []error{taken, taken, nil}, nil},
		{"while another runs, and fails", []error{taken, broken, nil}, broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			err := inTurn(t.Context(), "server", time.Millisecond, func() error {
				asked++
				return c.answers[asked-1]
			})
			if err != c.want {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("until it is cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := inTurn(ctx, "server", time.Hour, func() error {
			cancel()
			return taken
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
