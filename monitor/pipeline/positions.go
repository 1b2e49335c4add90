package pipeline

import (
	"context"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/pipelines/lag"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

// positions is how far the output is behind the topic.
type positions struct {
	Topic      string     `json:"topic"`
	Partitions []position `json:"partitions"`
	Sum        lag.Sum    `json:"sum"`
	// RetentionMS and RetentionBytes are the topic's settings; null: not known, -1: without end.
	RetentionMS    *int64 `json:"retention_ms"`
	RetentionBytes *int64 `json:"retention_bytes"`
	// Bytes is about how large the topic is: its offsets times what the newest rows' records have.
	Bytes int64 `json:"bytes"`
}

type position struct {
	Lag lag.Lag `json:"lag"`
	// Oldest is the timestamp of the first record that the log has.
	Oldest *time.Time `json:"oldest"`
	// Left is in how many seconds retention takes what is to be processed next; null: it is not
	// known, or nothing waits.
	Left *float64 `json:"left_seconds"`
}

// lags looks at the topic and the output, one look after the other.
type lags struct {
	view    *view
	watcher *lag.Watcher

	oldest map[chunk.Partition]oldest

	asked          time.Time
	retentionMS    *int64
	retentionBytes *int64
}

// oldest is the timestamp of the record at which a log begins.
type oldest struct {
	begin int64
	at    time.Time
}

func (l *lags) look(ctx context.Context) (*positions, error) {
	in := l.view.Inputs
	from, err := in.KafkaLog(ctx)
	if err != nil {
		return nil, err
	}
	if l.watcher == nil {
		if err := in.Scan(ctx, func(s *scan.Scan) error {
			l.watcher = lag.Watch(from, s.Output(), in.Topic)
			l.oldest = map[chunk.Partition]oldest{}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	all, err := l.watcher.Look(ctx)
	if err != nil {
		l.watcher = nil // the output may have been made anew
	}
	if len(all) == 0 {
		return nil, err
	}
	p := &positions{Topic: in.Topic}
	l.settings(ctx)
	p.RetentionMS, p.RetentionBytes = l.retentionMS, l.retentionBytes
	var offsets int64
	now := time.Now()
	for i := range all {
		one := position{Lag: all[i]}
		offsets += all[i].End - all[i].Begin
		if at := l.begin(ctx, from, &all[i]); !at.IsZero() {
			one.Oldest = &at
		}
		one.Left = l.left(&all[i], now)
		p.Partitions = append(p.Partitions, one)
	}
	p.Sum = lag.Total(all)
	l.view.mu.Lock()
	p.Bytes = int64(l.view.sizes.mean * float64(offsets))
	l.view.mu.Unlock()
	return p, err
}

// left is when retention takes the record after the last that was processed: about when that is
// older than the topic keeps records.
func (l *lags) left(p *lag.Lag, now time.Time) *float64 {
	if l.retentionMS == nil || *l.retentionMS < 0 || p.Frames() == 0 || p.At.IsZero() {
		return nil
	}
	s := (time.Duration(*l.retentionMS)*time.Millisecond - now.Sub(p.At)).Seconds()
	return &s
}

// begin is the timestamp of the first record of a log.
func (l *lags) begin(ctx context.Context, from log.Log, p *lag.Lag) time.Time {
	known, ok := l.oldest[p.Partition]
	if ok && known.begin == p.Begin || p.Begin >= p.End {
		return known.at
	}
	recs, _, err := from.Read(ctx, p.Partition, p.Begin, p.End, 1, time.Second)
	if err != nil || len(recs) == 0 {
		return time.Time{} // retention goes on: the next look sees it
	}
	known = oldest{p.Begin, time.UnixMilli(recs[0].Timestamp)}
	l.oldest[p.Partition] = known
	return known.at
}

// settings asks now and then how long the topic keeps records. Who may not ask, does not know.
func (l *lags) settings(ctx context.Context) {
	if time.Since(l.asked) < time.Minute {
		return
	}
	l.asked = time.Now()
	in := l.view.Inputs
	transport, err := connect.Transport(in.Connection, "framebeam-monitor")
	if err != nil {
		return
	}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(in.Brokers...), Transport: transport}
	res, err := client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: in.Topic, ConfigNames: []string{"retention.ms", "retention.bytes"},
	}}})
	if err != nil {
		return
	}
	for _, r := range res.Resources {
		for _, e := range r.ConfigEntries {
			n, err := strconv.ParseInt(e.ConfigValue, 10, 64)
			if err != nil {
				continue
			}
			switch e.ConfigName {
			case "retention.ms":
				l.retentionMS = &n
			case "retention.bytes":
				l.retentionBytes = &n
			}
		}
	}
}
