package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka"
)

// kafkaWork is the child process that holds Kafka and its topics, until its
// standard input ends: with its parent, at the latest.
const kafkaWork = "kafka"

// The topics, each of one partition and one camera but for the pair and the live ones.
const (
	jpegTopic     = "jpeg"     // CloudEvents, as the collector publishes by default
	shortTopic    = "short"    // its beginning
	longTopic     = "long"     // the same, longer
	pairTopic     = "pair"     // the same film of two cameras in two partitions
	jsonTopic     = "json"     // the original system's
	gzipTopic     = "gzip"     // the same as its producer sends it: in gzip, each record a batch
	liveTopic     = "live"     // for cameras to write to while it is read
	capturedTopic = "captured" // for the collector to write to
)

// What the comparisons read, without servers of engines and with them.
var (
	topics       = []string{jpegTopic, jsonTopic, gzipTopic}
	engineTopics = []string{jpegTopic, shortTopic, longTopic, pairTopic}
)

// How many frames are analysed: what one costs is the difference between the
// longer and the shorter log, so that starting and ending does not count.
const (
	jpegShort, jpegLong = 256, 256 + 2048
	jsonShort, jsonLong = 32, 32 + 256

	// A live job's first frames are not counted: each job brings its classes anew, and
	// to compile them takes the JVM half as much as the frames for some 20 s. Only
	// complete chunks are seen.
	engineWarm = 2 * chunkfolder.DefaultN
	engineLong = engineWarm + 2*chunkfolder.DefaultN
	pairEach   = 2 * chunkfolder.DefaultN // of each camera
)

// stock says where the topics are and what is in them.
type stock struct {
	Brokers []string
	Bytes   map[string]float64 // per frame, of key, headers and value
}

// startKafka starts the process with these topics filled. Call stop when done.
func startKafka(ctx context.Context, file string, topics []string) (s stock, stop func(), err error) {
	cmd, err := command(ctx, kafkaWork, params{Config: file, Topics: topics})
	if err != nil {
		return s, nil, err
	}
	cmd.Stderr = os.Stderr
	stdin, errIn := cmd.StdinPipe()
	stdout, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		return s, nil, fmt.Errorf("start kafka: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return s, nil, fmt.Errorf("start kafka: %w", err)
	}
	stop = func() {
		stdin.Close()
		cmd.Wait()
	}
	if err := json.NewDecoder(stdout).Decode(&s); err != nil {
		stop()
		return s, nil, fmt.Errorf("start kafka: %w", err)
	}
	return s, stop, nil
}

// serve is the process.
func serve(ctx context.Context, p params) error {
	raw := map[string]string{"max.message.bytes": strconv.Itoa(4 << 20)} // Kafka's default is less than one raw frame
	b, err := broker.Start(broker.Options{Topics: []broker.Topic{
		{Name: jpegTopic}, {Name: shortTopic}, {Name: longTopic}, {Name: pairTopic, Partitions: 2},
		{Name: jsonTopic, Configs: raw}, {Name: gzipTopic, Configs: raw}, {Name: capturedTopic},
		{Name: liveTopic, Partitions: livePartitions},
	}})
	if err != nil {
		return err
	}
	defer b.Close()
	s := stock{Brokers: b.Addrs(), Bytes: map[string]float64{}}
	for _, t := range []struct {
		name   string
		format config.Format
		frames int
		camera []string
	}{
		{jpegTopic, config.CloudEvents, jpegLong, nil}, {shortTopic, config.CloudEvents, jpegShort, nil},
		{longTopic, config.CloudEvents, engineLong, nil}, {pairTopic, config.CloudEvents, 2 * pairEach, evenly(2, 2)},
		{jsonTopic, config.JSON, jsonLong, nil},
	} {
		if !slices.Contains(p.Topics, t.name) {
			continue
		}
		if s.Bytes[t.name], err = fill(ctx, s.Brokers, t.name, p.Config, t.format, t.frames, t.camera); err != nil {
			return fmt.Errorf("fill topic %s: %w", t.name, err)
		}
	}
	if slices.Contains(p.Topics, gzipTopic) {
		recs, err := b.Records(ctx, jsonTopic, 0)
		if err != nil {
			return err
		}
		for _, r := range recs {
			if _, err := b.AppendCompressed(ctx, broker.Gzip, gzipTopic, 0, r); err != nil {
				return fmt.Errorf("fill topic %s: %w", gzipTopic, err)
			}
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// fill publishes so many frames of the film, captured as the collector does, of
// each of the cameras in turn if there are any. A film that is shorter goes on from
// its beginning in the same epoch, as if it were longer.
func fill(ctx context.Context, brokers []string, topic, file string, format config.Format, frames int, cameras []string) (bytes float64, err error) {
	cfg, err := config.Load(file, format)
	if err != nil {
		return 0, err
	}
	pub, err := publish.Open(ctx, publish.Options{Brokers: brokers, Topic: topic})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, pub.Close(ctx)) }()
	var sent int64
	var size int
	put := func(f frame.Frame) error {
		f.Sequence = sent
		if n := int64(len(cameras)); n > 0 {
			f.Camera, f.Sequence = cameras[sent%n], sent/n
		}
		f.Captured = cfg.Cameras[0].Start.Add(time.Duration(f.Sequence) * 100 * time.Millisecond)
		rec := f.CloudEvent()
		if format == config.JSON {
			if rec, err = f.JSON(time.UTC); err != nil {
				return err
			}
		}
		sent++
		size += rec.Size()
		return pub.Publish(ctx, rec)
	}
	var film []frame.Frame
	err = capture.New(cfg.Cameras[0], capture.Options{}).Run(ctx, func(f *frame.Frame) error {
		if sent == int64(frames) {
			return errEnough
		}
		film = append(film, *f)
		return put(*f)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return 0, err
	}
	for sent < int64(frames) {
		if err := put(film[sent%int64(len(film))]); err != nil {
			return 0, err
		}
	}
	return float64(size) / float64(sent), nil
}

var errEnough = errors.New("enough frames")

// load reads the first records of a topic.
func load(ctx context.Context, p params) ([]frame.Record, error) {
	l, err := log.Open(ctx, logSpec(p))
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var all []frame.Record
	for next := int64(0); next < p.Frames; {
		var recs []frame.Record
		if recs, next, err = l.Read(ctx, chunk.Partition{Topic: p.Topic}, next, p.Frames, 8<<20, time.Second); err != nil {
			return nil, err
		}
		all = append(all, recs...)
	}
	return all, nil
}

func logSpec(p params) log.Spec {
	return log.Spec{Kind: "kafka", Brokers: p.Brokers}
}
