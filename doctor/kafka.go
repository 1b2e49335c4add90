package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/kafka/connect"
)

const clientID = "framebeam-doctor"

// client is connected as the connection file says.
func client(w *What, brokers ...string) (*kafka.Client, func(), error) {
	t, err := connect.Transport(w.Connection, clientID)
	if err != nil {
		return nil, nil, err
	}
	return &kafka.Client{Addr: kafka.TCP(brokers...), Transport: t}, t.CloseIdleConnections, nil
}

// brokers looks whether each of the brokers named is there, and those that these name.
func brokers(ctx context.Context, w *What) []Finding {
	if len(w.Brokers) == 0 {
		return nil
	}
	r := &report{check: "brokers"}
	for _, b := range w.Brokers {
		begin := time.Now()
		if err := connect.Ping(ctx, []string{b}, w.Connection); err != nil {
			r.fail("start it, correct --brokers, or let this machine through to it; framebeam stack up kafka starts one to try", "%s", reason(ctx, err))
			continue
		}
		how := "without TLS"
		if encrypted(ctx, w, b) {
			how = "with TLS"
		}
		r.ok("%s answers in %v, %s", b, time.Since(begin).Round(time.Millisecond), how)
	}
	if len(w.Brokers) == 1 {
		if c, done, err := client(w, w.Brokers...); err == nil {
			defer done()
			if res, err := c.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{}}); err == nil && len(res.Brokers) > 1 {
				r.warn("name several in --brokers, so that one that is down does not keep programs from starting", "the cluster has %d brokers, one is named", len(res.Brokers))
			}
		}
	}
	return r.all
}

// encrypted reports whether the connection file asks for TLS: the transport's own connection is
// one then.
func encrypted(ctx context.Context, w *What, broker string) bool {
	t, err := connect.Transport(w.Connection, clientID)
	if err != nil {
		return false
	}
	defer t.CloseIdleConnections()
	conn, err := t.Dial(ctx, "tcp", broker)
	if err != nil {
		return false
	}
	defer conn.Close()
	_, is := conn.(*tls.Conn)
	return is
}

// topic is what a topic has to be.
type topic struct {
	name    string
	rights  []connect.Operation
	minimum int64 // of max.message.bytes
	frames  bool
	cameras int
}

const (
	// framesBytes is room for a raw frame of 1920x1080, in JSON (runner-configs/kafka).
	framesBytes = 16 << 20
	// eventsBytes is more than any event has.
	eventsBytes = 64 << 10
	// eventsKept is how long events should be kept at least: alerts are told out of them after
	// a weekend, too.
	eventsKept = 72 * time.Hour
	// camerasPerPartition is how many cameras one partition may have before it is said: one core
	// reads and decodes a partition (docs/scale.md).
	camerasPerPartition = 30
)

func framesTopic(ctx context.Context, w *What) []Finding {
	if len(w.Brokers) == 0 || w.Topic == "" {
		return nil
	}
	t := topic{name: w.Topic, rights: []connect.Operation{connect.Read, connect.Write, connect.DescribeConfigs}, minimum: framesBytes, frames: true}
	if cfg, err := loadCameras(w.Cameras); err == nil && cfg != nil {
		t.cameras = len(cfg.Cameras)
	}
	return t.look(ctx, w)
}

func eventsTopic(ctx context.Context, w *What) []Finding {
	if len(w.Brokers) == 0 || w.Events == "" {
		return nil
	}
	t := topic{name: w.Events, rights: []connect.Operation{connect.Read, connect.Write, connect.DescribeConfigs}, minimum: eventsBytes}
	return t.look(ctx, w)
}

func (t *topic) look(ctx context.Context, w *What) []Finding {
	r := &report{check: "topic " + t.name}
	c, done, err := client(w, w.Brokers...)
	if err != nil {
		r.fail("correct the file of --connection", "%v", err)
		return r.all
	}
	defer done()
	res, err := c.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{t.name}})
	if err == nil {
		err = errors.New("the brokers do not say whether it is there")
		for _, have := range res.Topics {
			if have.Name == t.name {
				if err = have.Error; err == nil {
					t.partitions(r, have.Partitions)
				}
			}
		}
	}
	if err != nil {
		do := "see brokers"
		if connect.UnknownTopic(err) {
			do = "create it: framebeam ingest --create-topic --partitions N, analyze --events-partitions N, or by hand with the settings in runner-configs/kafka/frames-topic.properties"
		}
		r.fail(do, "%s", reason(ctx, connect.Explain(err, w.Connection, true)))
		return r.all
	}
	t.mayDo(ctx, r, c)
	settings, err := settings(ctx, c, t.name)
	if err != nil {
		r.fail("give the user the permission DescribeConfigs on the topic: readers need it too", "its settings cannot be asked for: %s", reason(ctx, connect.Explain(err, w.Connection, true)))
		return r.all
	}
	t.judge(r, settings, replicas(res, t.name))
	return r.all
}

func replicas(res *kafka.MetadataResponse, name string) int {
	for _, t := range res.Topics {
		if t.Name == name && len(t.Partitions) > 0 {
			return len(t.Partitions[0].Replicas)
		}
	}
	return 0
}

func (t *topic) partitions(r *report, all []kafka.Partition) {
	headless, behind := 0, 0
	for _, p := range all {
		if p.Leader.Host == "" {
			headless++
		}
		if len(p.Isr) < len(p.Replicas) {
			behind++
		}
	}
	switch {
	case headless > 0:
		r.fail("start the brokers that are down", "%d of %d partitions have no leader", headless, len(all))
	case behind > 0:
		r.warn("start the brokers that are down, or give them time to catch up", "%d of %d partitions have copies that are behind", behind, len(all))
	case t.cameras > len(all)*camerasPerPartition:
		r.warn("begin a topic with more partitions (docs/scale.md computes how many): added later, cameras would move", "%d partitions for %d cameras: each is read by one core", len(all), t.cameras)
	default:
		r.ok("%d partitions, all with a leader", len(all))
	}
}

var operationNames = map[connect.Operation]string{connect.Read: "Read", connect.Write: "Write", connect.DescribeConfigs: "DescribeConfigs"}

func (t *topic) mayDo(ctx context.Context, r *report, c *kafka.Client) {
	have, err := connect.TopicRights(ctx, c, t.name)
	if err != nil || have == 0 {
		return // brokers before 2.3, or without users, do not say
	}
	var lacks []string
	for _, o := range t.rights {
		if !have.Has(o) {
			lacks = append(lacks, operationNames[o])
		}
	}
	if len(lacks) > 0 {
		r.warn("publishing needs Write, reading Read and DescribeConfigs: give them to the user that this program is there (kafka-acls.sh --add --allow-principal …)", "this user has no right to %s", strings.Join(lacks, ", "))
		return
	}
	r.ok("this user may read, write and see its settings")
}

// settings are a topic's.
func settings(ctx context.Context, c *kafka.Client, name string) (map[string]string, error) {
	res, err := c.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: name,
	}}})
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, r := range res.Resources {
		if r.Error != nil {
			return nil, r.Error
		}
		for _, e := range r.ConfigEntries {
			all[e.ConfigName] = e.ConfigValue
		}
	}
	return all, nil
}

// judge looks at settings; those that brokers do not have are passed over.
func (t *topic) judge(r *report, is map[string]string, copies int) {
	before := len(r.all)
	set := func(name, value string) string {
		return fmt.Sprintf("kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config %s=%s", t.name, name, value)
	}
	number := func(name string) (int64, bool) {
		n, err := strconv.ParseInt(is[name], 10, 64)
		return n, err == nil
	}
	if policy, ok := is["cleanup.policy"]; ok && strings.Contains(policy, "compact") {
		r.fail(set("cleanup.policy", "delete"), "cleanup.policy is %s: compaction removes records that were counted, and readers refuse it", policy)
	}
	if n, ok := number("max.message.bytes"); ok && n < t.minimum {
		r.warn(set("max.message.bytes", fmt.Sprint(t.minimum)), "max.message.bytes is %s: larger records are refused; a raw frame of 1920x1080 is 6 MB, its JSON 8 MB", humanize.IBytes(uint64(max(0, n))))
	}
	switch n, ok := number("retention.ms"); {
	case ok && t.frames && n >= 0:
		r.warn(set("retention.ms", "-1,retention.bytes=…"), "retention.ms is %v: films keep the times at which they were taken, so by age they are deleted while they are read", time.Duration(n)*time.Millisecond)
	case ok && !t.frames && n >= 0 && n < eventsKept.Milliseconds():
		r.warn(set("retention.ms", fmt.Sprint(eventsKept.Milliseconds())), "retention.ms is %v: alerts whose receiver is away for longer are lost", time.Duration(n)*time.Millisecond)
	}
	if n, ok := number("retention.bytes"); ok && n < 0 && t.frames {
		if age, _ := number("retention.ms"); age < 0 {
			r.warn(set("retention.bytes", "…"), "nothing is ever deleted: the brokers' disks fill up")
		}
	}
	if t.frames && is["message.timestamp.type"] == "LogAppendTime" {
		r.warn(set("message.timestamp.type", "CreateTime"), "message.timestamp.type is LogAppendTime: places in the log are found by the time of arrival, not of capture")
	}
	if c, ok := is["compression.type"]; ok && c != "producer" && c != "uncompressed" && t.frames {
		r.warn(set("compression.type", "producer"), "compression.type is %s: brokers compress pictures that are compressed already", c)
	}
	in, ok := number("min.insync.replicas")
	switch {
	case copies == 1:
		r.warn("give it three copies and min.insync.replicas=2, where frames must outlive a broker", "each record is on one broker alone")
	case ok && in >= int64(copies) && copies > 1:
		r.warn(set("min.insync.replicas", fmt.Sprint(copies-1)), "min.insync.replicas is %d of %d copies: nothing can be published while one broker is down", in, copies)
	case ok && in == 1 && copies > 1:
		r.warn(set("min.insync.replicas", "2"), "min.insync.replicas is 1: what was acknowledged may be lost with one broker")
	}
	if len(r.all) == before {
		names := slices.Sorted(maps.Keys(is))
		r.ok("its settings are as they should be (%d looked at)", len(names))
	}
}
