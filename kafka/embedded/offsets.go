package embedded

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/framebeam/framebeam/kafka/commitlog"
)

// What Kafka's clients ask for instead of a timestamp.
const (
	latest   = -1
	earliest = -2
)

func (b *Broker) listOffsets(req *kmsg.ListOffsetsRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewListOffsetsResponseTopicPartition()
			rp.Partition = p.Partition
			_, log, err := b.topics.log(t.Topic, p.Partition)
			switch {
			case err != nil:
				rp.ErrorCode = kerr.KafkaStorageError.Code
			case log == nil:
				rp.ErrorCode = kerr.UnknownTopicOrPartition.Code
			default:
				b.lookUp(log, p.Timestamp, &rp)
			}
			if req.Version == 0 && rp.ErrorCode == 0 && rp.Offset >= 0 {
				rp.OldStyleOffsets = []int64{rp.Offset}
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

func (b *Broker) lookUp(log *commitlog.Log, timestamp int64, rp *kmsg.ListOffsetsResponseTopicPartition) {
	first, end := log.Bounds()
	rp.Offset, rp.Timestamp, rp.LeaderEpoch = -1, -1, 0
	switch {
	case timestamp == latest:
		rp.Offset = end
	case timestamp == earliest:
		rp.Offset = first
	case timestamp < 0:
		rp.ErrorCode = kerr.UnsupportedVersion.Code // what later Kafkas know
	default:
		offset, at, ok, err := log.At(timestamp)
		if err != nil {
			b.opts.Log.Warn("embedded Kafka: a time cannot be looked up", "err", err)
			rp.ErrorCode = kerr.KafkaStorageError.Code
		} else if ok {
			rp.Offset, rp.Timestamp = offset, at
		}
	}
}

// epochEnds says where epochs of leaders end: there is the first, 0, which goes on.
func (b *Broker) epochEnds(req *kmsg.OffsetForLeaderEpochRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			rp.Partition, rp.LeaderEpoch, rp.EndOffset = p.Partition, -1, -1
			_, log, err := b.topics.log(t.Topic, p.Partition)
			switch {
			case err != nil:
				rp.ErrorCode = kerr.KafkaStorageError.Code
			case log == nil:
				rp.ErrorCode = kerr.UnknownTopicOrPartition.Code
			case p.LeaderEpoch == 0:
				rp.LeaderEpoch = 0
				_, rp.EndOffset = log.Bounds()
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

// logDirs says how many bytes logs take up.
func (b *Broker) logDirs(req *kmsg.DescribeLogDirsRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.DescribeLogDirsResponse)
	wanted := map[string]map[int32]bool{}
	for _, t := range req.Topics {
		wanted[t.Topic] = map[int32]bool{}
		for _, p := range t.Partitions {
			wanted[t.Topic][p] = true
		}
	}
	dir := kmsg.NewDescribeLogDirsResponseDir()
	dir.Dir = b.opts.Dir
	at := map[string]int{}
	err := b.each(b.ctx, func(t *topic, partition int32, l *commitlog.Log) error {
		if req.Topics != nil && !wanted[t.name][partition] {
			return nil
		}
		i, ok := at[t.name]
		if !ok {
			i = len(dir.Topics)
			at[t.name] = i
			rt := kmsg.NewDescribeLogDirsResponseDirTopic()
			rt.Topic = t.name
			dir.Topics = append(dir.Topics, rt)
		}
		rp := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
		rp.Partition, rp.Size = partition, l.Size()
		dir.Topics[i].Partitions = append(dir.Topics[i].Partitions, rp)
		return nil
	})
	if err != nil {
		dir.ErrorCode = kerr.KafkaStorageError.Code
	}
	resp.Dirs = append(resp.Dirs, dir)
	return resp
}
