package source

import (
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

func TestEveryViolationIsListed(t *testing.T) {
	cfg := Config{Log: log.Spec{Kind: "paper"}, Forget: -1, MaxBytes: 1<<30 + 1, Credit: 1, OneCall: true, SliceBytes: -1, TickEvery: -1}
	err := cfg.Validate()
	for _, want := range []string{`unknown kind of log "paper"`, "chunk size is 0 offsets", "forget is -1", "max bytes is 1073741825", "one call", "slice is -1 bytes", "tick every is -1ns", "no ticks"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if err := (Config{SliceBytes: 1}).Validate(); err == nil || !strings.Contains(err.Error(), "slices need") {
		t.Errorf("slices without one call: %v", err)
	}
	cfg.N = 10
	err = cfg.validateTasks([]Task{
		{Partition: chunk.Partition{Topic: "t", ID: 1}, From: 20, To: 30},
		{Partition: chunk.Partition{Topic: "t", ID: 1}, From: 20, To: 10},
		{Partition: chunk.Partition{ID: -1}, From: -1, To: chunk.None},
		{Partition: chunk.Partition{Topic: "u"}, From: 20, To: 30, Cameras: []chunk.CameraOffset{{Camera: "a", Last: 19}, {Camera: "a", Last: 20}}},
		{Partition: chunk.Partition{Topic: "v"}, From: 25, To: 30, Cameras: []chunk.CameraOffset{{Camera: "b", Last: 21}}},
	})
	for _, want := range []string{
		"topic t partition 1: the partition is given twice", "to is 10, neither none nor an offset from 20 on",
		"the topic has no name", "the partition is negative", "from is -1", "a task without end cannot be read in one call",
		"topic u partition 0: camera a is given twice", "camera a has last offset 20, whose chunk does not end before 20",
		"camera b has last offset 21",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if err := cfg.validateTasks(nil); err == nil {
		t.Error("no task at all is fine")
	}
}

func TestReadPanicsWithEveryViolation(t *testing.T) {
	defer func() {
		if s, _ := recover().(string); !strings.Contains(s, "chunk size") || !strings.Contains(s, "no partition") {
			t.Errorf("got %v", s)
		}
	}()
	_, s := beam.NewPipelineWithRoot()
	Read(s, Config{Log: log.Spec{Kind: "mem"}}, nil)
}

func TestATaskSurvivesItsEncoding(t *testing.T) {
	for _, task := range []Task{{}, {Partition: chunk.Partition{Topic: "t", ID: 3}, From: 1, To: chunk.None, LogEnd: 9, Identity: "id", Generation: 2, Cameras: []chunk.CameraOffset{{Camera: "a", Last: 0}}}} {
		if got, err := UnmarshalTask(task.Marshal()); err != nil || !cmp.Equal(got, task) {
			t.Errorf("got %+v, %v; want %+v", got, err, task)
		}
	}
}

// Whatever is accepted encodes to something that decodes to the same.
func FuzzUnmarshalTask(f *testing.F) {
	f.Add((&Task{Partition: chunk.Partition{Topic: "t"}, To: chunk.None, Cameras: []chunk.CameraOffset{{Camera: "a", Last: 7}}}).Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		task, err := UnmarshalTask(b)
		if err != nil {
			return
		}
		if again, err := UnmarshalTask(task.Marshal()); err != nil || !cmp.Equal(task, again) {
			t.Errorf("%+v became %+v, %v", task, again, err)
		}
	})
}
