package copying_test

import (
	"context"
	"testing"

	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
)

func TestJobsThatCannotEndAreRefusedWhereTheyMust(t *testing.T) {
	b := trial.Start(t, []frame.Record{{Timestamp: 1, Key: []byte("a")}, {Timestamp: 2, Key: []byte("a")}})
	beyond := "topic frames partition 0: --until is offset 3, which the log has not reached, and this job reads only what is there: say --until=now, and run it again for what came since"
	for _, c := range []struct {
		name        string
		runner      launch.Engine
		until, want string
	}{
		{"spark without end", launch.Spark, "never", "--runner=spark reads up to an end and stops: say --until=now, and run it again for what came since"},
		{"spark up to what is not there", launch.Spark, "3", beyond},
		{"flink too", launch.Flink, "3", beyond},
	} {
		t.Run(c.name, func(t *testing.T) {
			start, err := plan.Start("earliest")
			if err != nil {
				t.Fatal(err)
			}
			until, err := plan.Until(c.until)
			if err != nil {
				t.Fatal(err)
			}
			j := copying.Job{
				Runner: c.runner, Log: log.Spec{Kind: "kafka", Brokers: b.Addrs()}, Topic: trial.Topic,
				Archive: t.TempDir(), N: 4, Start: start, Until: until,
			}
			if _, err := j.Run(context.Background()); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
