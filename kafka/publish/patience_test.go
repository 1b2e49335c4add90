package publish

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/kafka/connect"
)

func TestWhatIsPublishedWaitsForWhatMayBeMended(t *testing.T) {
	for err, want := range map[error]connect.Meaning{
		kafka.NotLeaderForPartition:                         connect.Passes,
		kafka.NotEnoughReplicas:                             connect.Passes,
		kafka.UnknownTopicOrPartition:                       connect.Passes,
		kafka.Error(12345):                                  connect.Unlisted,
		context.DeadlineExceeded:                            connect.Unlisted,
		fmt.Errorf("x: %w", kafka.TopicAuthorizationFailed): connect.Mended,
		kafka.SASLAuthenticationFailed:                      connect.Mended,
		kafka.PolicyViolation:                               connect.Mended,
		kafka.InvalidTimestamp:                              connect.Rejected,
		kafka.MessageSizeTooLarge:                           connect.Rejected,
		kafka.UnsupportedVersion:                            connect.Hopeless,
	} {
		if got, _ := connect.MeaningOf(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

func TestWhatSomebodyMendsIsWaitedFor(t *testing.T) {
	for name, fault := range map[string]broker.Fault{
		"a permission is missing for a moment": kerr.TopicAuthorizationFailed,
		"a policy":                             kerr.PolicyViolation,
		"something new":                        kerr.ShareSessionNotFound,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
			p := open(t, b, Options{})
			for i := range 20 {
				if i == 1 {
					if err := p.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
					b.Fail(broker.Produce, fault, 3)
				}
				if err := p.Publish(t.Context(), record("gate", i, 100)); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if copies := check(t, b, 1, map[string]int{"gate": 20}); copies > 0 {
				t.Errorf("%d copies", copies)
			}
		})
	}
}

func TestWhoMayNotWriteAtTheStartIsToldAtOnce(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	p := open(t, b, Options{})
	b.Fail(broker.Produce, kerr.TopicAuthorizationFailed, 1)
	if err := p.Publish(t.Context(), record("gate", 0, 10)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(t.Context()); !errors.Is(err, kafka.TopicAuthorizationFailed) || !errors.Is(err, ErrGivenUp) {
		t.Error(err)
	}
}

func TestWhereNothingCanWorkThePartitionIsGivenUpAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		break_ func(*testing.T, *broker.Broker)
		want   error
	}{
		"versions": {func(_ *testing.T, b *broker.Broker) { b.Fail(broker.Produce, kerr.UnsupportedVersion, -1) }, kafka.UnsupportedVersion},
		"the topic is gone": {func(t *testing.T, b *broker.Broker) {
			if err := b.DeleteTopic("frames"); err != nil {
				t.Fatal(err)
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
			told := make(chan error, 1)
			p := open(t, b, Options{DeliveryTimeout: ForEver, gone: 200 * time.Millisecond, GivenUp: func(err error) { told <- err }})
			c.break_(t, b)
			if err := p.Offer(record("gate", 0, 10)); err != nil {
				t.Fatal(err)
			}
			err := <-told
			if !errors.Is(err, ErrHopeless) || !errors.Is(err, ErrGivenUp) || c.want != nil && !errors.Is(err, c.want) {
				t.Error(err)
			}
			if err := p.Close(t.Context()); !errors.Is(err, ErrHopeless) {
				t.Error(err)
			}
		})
	}
}

// A limit that is lowered while cameras run refuses the large frames of one of them.
func TestOnlyTheRecordsThatAreRefusedAreLeftOut(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	p := open(t, b, Options{DropRefused: true})
	if err := b.SetTopicConfig(t.Context(), "frames", "max.message.bytes", "20000"); err != nil {
		t.Fatal(err)
	}
	hold := b.Fail(broker.Produce, broker.NotLeader, -1) // so that batches are full
	n := map[string]int{"gate": 60, "yard": 60}
	large := 0
	for i := range 60 {
		for camera := range n {
			if err := p.Offer(record(camera, i, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		if i%7 == 0 {
			large++
			if err := p.Offer(record("large", i, 30_000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	hold.Remove()
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if copies := check(t, b, 1, n); copies > 0 {
		t.Errorf("%d copies", copies)
	}
	if s := p.Stats("large"); s.Refused != int64(large) || s.Sent != 0 || s.Waiting != 0 || !errors.Is(s.Refusal, kafka.MessageSizeTooLarge) {
		t.Errorf("%+v, want %d refused", s, large)
	}
	for camera := range n {
		if s := p.Stats(camera); s.Refused != 0 || s.Sent != 60 {
			t.Errorf("%s: %+v", camera, s)
		}
	}
}

func TestOfACameraThatWaitsNothingIsSentAfterARecordThatIsRefused(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	p := open(t, b, Options{DropRefused: true})
	if err := b.SetTopicConfig(t.Context(), "frames", "max.message.bytes", "20000"); err != nil {
		t.Fatal(err)
	}
	hold := b.Fail(broker.Produce, broker.NotLeader, -1) // so that batches are full
	const films, large = 60, 23
	for i := range films {
		size := 1000
		if i == large {
			size = 30_000
		}
		if err := p.Publish(t.Context(), record("film", i, size)); err != nil {
			t.Fatal(err)
		}
		if err := p.Offer(record("gate", i, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	hold.Remove()
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := p.Publish(t.Context(), record("film", films, 1000))
	if e, ok := errors.AsType[*RefusedError](err); !ok || e.Camera != "film" || !e.Time.Equal(captured.Add(large*time.Second)) || !errors.Is(err, kafka.MessageSizeTooLarge) {
		t.Error(err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if copies := check(t, b, 1, map[string]int{"gate": films, "film": large}); copies > 0 {
		t.Errorf("%d copies", copies)
	}
	if s := p.Stats("film"); s.Sent != large || s.Refused != 1 || s.Waiting != films-large-1 || s.Refusal != err {
		t.Errorf("%+v", s)
	}
}

func TestWhereRefusedRecordsMustNotBeDroppedThePartitionIsGivenUp(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	p := open(t, b, Options{})
	b.Fail(broker.Produce, kerr.InvalidTimestamp, 1)
	if err := p.Publish(t.Context(), record("gate", 0, 10)); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(t.Context()); !errors.Is(err, ErrGivenUp) || !errors.Is(err, kafka.InvalidTimestamp) {
		t.Error(err)
	}
}

// Whatever brokers answer at random, every camera goes on, in order, and what is
// missing was refused and counted.
func TestRandomPermanentAnswersEndNoCamera(t *testing.T) {
	faults := []broker.Fault{
		kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.PolicyViolation, kerr.SecurityDisabled,
		kerr.InvalidTimestamp, kerr.InvalidRecord, kerr.MessageTooLarge, kerr.RecordListTooLarge,
		kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.InvalidTxnState,
	}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 3))
			b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Partitions: 2}}})
			p := open(t, b, Options{DropRefused: true, DeliveryTimeout: ForEver, AttemptTimeout: 5 * time.Second})
			n := map[string]int{"camera-0": 1}
			if err := p.Offer(record("camera-0", 0, 100)); err != nil {
				t.Fatal(err)
			}
			if err := p.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 300 {
				if random.IntN(25) == 0 {
					b.Fail(broker.Produce, faults[random.IntN(len(faults))], 1+random.IntN(2))
				}
				camera := fmt.Sprint("camera-", random.IntN(5))
				if err := p.Offer(record(camera, n[camera], 100)); err != nil {
					t.Fatal(err)
				}
				n[camera]++
			}
			if err := p.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			there := map[string]int{}
			for partition := range int32(2) {
				last := map[string]int64{}
				for _, r := range log(t, b, partition) {
					_, sequence, ok := r.Numbered()
					if before, seen := last[string(r.Key)]; !ok || seen && sequence <= before {
						t.Errorf("partition %d offset %d: %s comes after %d", partition, r.Offset, r.Headers[1].Value, before)
					}
					last[string(r.Key)] = sequence
					there[string(r.Key)]++
				}
			}
			for camera, offered := range n {
				s := p.Stats(camera)
				if s.Sent != int64(there[camera]) || s.Sent+s.Refused != int64(offered) || s.Waiting != 0 || s.Dropped != 0 {
					t.Errorf("%s: %d offered, %d in the log, %+v", camera, offered, there[camera], s)
				}
			}
		})
	}
}

func TestABatchIsSplitAroundWhatIsRefused(t *testing.T) {
	for _, c := range []struct {
		n       int
		refused []int
		want    []int // sizes
	}{
		{2, nil, []int{1, 1}}, {5, nil, []int{2, 3}}, {5, []int{0}, []int{1, 4}}, {5, []int{3, 1}, []int{1, 1, 1, 1, 1}},
		{5, []int{4}, []int{4, 1}}, {3, []int{0, 1, 2}, []int{1, 1, 1}}, {5, []int{9, -1}, []int{2, 3}}, {4, []int{2, 2}, []int{2, 1, 1}},
	} {
		batch := make([]queued, c.n)
		for i := range batch {
			batch[i].number = int64(i)
		}
		next := int64(0)
		r := &refusal{records: c.refused}
		var sizes []int
		for _, part := range r.split(batch) {
			sizes = append(sizes, len(part))
			for _, q := range part {
				if q.number != next {
					t.Errorf("%+v: %d comes after %d", c, q.number, next-1)
				}
				next++
			}
		}
		if fmt.Sprint(sizes) != fmt.Sprint(c.want) || next != int64(c.n) {
			t.Errorf("%+v: parts of %v", c, sizes)
		}
	}
}
