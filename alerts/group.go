package alerts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/kafka/connect"
)

// groups commits how far targets have come to Kafka, as consumer groups without members: so
// that every tool that shows the lag of groups shows theirs, and that a lost ledger does not
// lose the place. The ledger is what counts.
type groups struct {
	client *kafka.Client
	close  func()
	prefix string
	topic  string
	wrote  map[string]map[int32]int64 // by target, what was committed
}

const (
	// commitEvery is how often offsets are committed.
	commitEvery = 2 * time.Second
	// commitPatience is how long commits for all targets may take.
	commitPatience = 10 * time.Second
	// fetchPatience is how long is waited for the coordinator of a group: the first group of a
	// cluster has to wait for a topic to be made.
	fetchPatience = 30 * time.Second
	clientID      = "framebeam-alerts"
)

func openGroups(opts Options) (*groups, error) {
	t, err := connect.Transport(opts.Connection, clientID)
	if err != nil {
		return nil, err
	}
	return &groups{
		client: &kafka.Client{Addr: kafka.TCP(opts.Brokers...), Transport: t}, close: t.CloseIdleConnections,
		prefix: opts.Group, topic: opts.Topic, wrote: map[string]map[int32]int64{},
	}, nil
}

func (g *groups) name(target string) string { return g.prefix + "-" + target }

// commit is what a group says of a partition.
type commit struct {
	offset int64  // -1: nothing
	topic  string // what told the topic from one created anew
}

// fetch asks for what is committed. Who may not ask has committed nothing.
func (g *groups) fetch(ctx context.Context, target string, of []*courier) (map[int32]commit, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	pace := retrying()
	for {
		got, err := g.ask(ctx, target, of)
		if err == nil || errors.Is(err, kafka.GroupAuthorizationFailed) || errors.Is(err, kafka.GroupIdNotFound) {
			return got, nil
		}
		if m, answered := connect.MeaningOf(err); answered && m != connect.Passes && !coordinator(err) || !sleep(ctx, pace.NextBackOff()) {
			return got, err
		}
	}
}

// coordinator reports that a group's coordinator is about to be there.
func coordinator(err error) bool {
	return errors.Is(err, kafka.GroupCoordinatorNotAvailable) || errors.Is(err, kafka.GroupLoadInProgress) || errors.Is(err, kafka.NotCoordinatorForGroup)
}

func (g *groups) ask(ctx context.Context, target string, of []*courier) (map[int32]commit, error) {
	got := map[int32]commit{}
	var ids []int
	for _, c := range of {
		got[c.p.ID] = commit{offset: -1}
		ids = append(ids, int(c.p.ID))
	}
	res, err := g.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: g.name(target), Topics: map[string][]int{g.topic: ids}})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return got, fmt.Errorf("group %s: %w", g.name(target), err)
	}
	for _, p := range res.Topics[g.topic] {
		if errors.Is(p.Error, kafka.UnknownTopicOrPartition) {
			continue // nothing was committed
		}
		if p.Error != nil {
			return got, fmt.Errorf("group %s partition %d: %w", g.name(target), p.Partition, p.Error)
		}
		got[int32(p.Partition)] = commit{p.CommittedOffset, p.Metadata}
	}
	return got, nil
}

// put commits what has changed.
func (g *groups) put(ctx context.Context, target, identity string, at map[int32]int64) error {
	if len(at) == 0 || maps.Equal(at, g.wrote[target]) {
		return nil
	}
	var offsets []kafka.OffsetCommit
	for id, offset := range at {
		offsets = append(offsets, kafka.OffsetCommit{Partition: int(id), Offset: offset, Metadata: identity})
	}
	// A group without members has no generation.
	res, err := g.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: g.name(target), GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{g.topic: offsets},
	})
	if err != nil {
		return fmt.Errorf("group %s: %w", g.name(target), err)
	}
	for _, p := range res.Topics[g.topic] {
		if p.Error != nil {
			return fmt.Errorf("group %s partition %d: %w", g.name(target), p.Partition, p.Error)
		}
	}
	g.wrote[target] = at
	return nil
}

// commits commits until the context ends.
func (r *run) commits(ctx context.Context) error {
	for sleep(ctx, commitEvery) {
		r.commit(ctx)
		r.turn()
	}
	return ctx.Err()
}

// commit commits how far targets are by the ledger. That it fails is said once.
func (r *run) commit(ctx context.Context) {
	var errs []error
	ask, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	for name, s := range r.stats {
		identity := ""
		r.mu.Lock()
		for key, c := range r.couriers {
			if key.target == name {
				identity = c.topicID()
			}
		}
		r.mu.Unlock()
		errs = append(errs, r.groups.put(ask, name, identity, s.placed()))
	}
	err := errors.Join(errs...)
	if err != nil && !r.failed && ctx.Err() == nil {
		r.opts.Say("alerts: offsets cannot be committed, which loses nothing while the ledger in %s is there: %v", r.opts.State, err)
	}
	r.failed = err != nil
}
