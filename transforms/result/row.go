package result

// row is a [Frame] as it lies in the results files: the tags are their schema. Columns
// are only ever added, never renamed (FormatVersion). What is unknown is NULL, so that
// min(captured) or count(distinct camera) are what one means by them.
type row struct {
	Topic      string      `parquet:"topic,dict"`
	Partition  int32       `parquet:"partition"`
	Offset     int64       `parquet:"offset,delta"`
	Timestamp  int64       `parquet:"timestamp,timestamp(millisecond)"`
	Camera     string      `parquet:"camera,optional,dict"`
	Epoch      string      `parquet:"epoch,optional,dict"`
	Sequence   *int64      `parquet:"sequence,optional"`
	Captured   int64       `parquet:"captured,optional,timestamp(microsecond)"`
	Width      int32       `parquet:"width,optional"`
	Height     int32       `parquet:"height,optional"`
	Encoding   string      `parquet:"encoding,optional,dict"`
	Bytes      int64       `parquet:"bytes"`
	Status     Status      `parquet:"status,dict"`
	Reason     string      `parquet:"reason,dict"`
	Detail     string      `parquet:"detail"`
	Quality    *Quality    `parquet:"quality,optional"`
	Detections []Detection `parquet:"detections,list"`
	Events     []Event     `parquet:"events,list"`
	Features   []Feature   `parquet:"features,list"`
	Config     string      `parquet:"config,dict"`
}

func rowOf(f Frame) row {
	r := row{
		Topic: f.Topic, Partition: f.Partition, Offset: f.Offset, Timestamp: f.Timestamp,
		Camera: f.Camera, Epoch: f.Epoch, Captured: f.Captured, Width: f.Width, Height: f.Height, Encoding: f.Encoding,
		Bytes: f.Bytes, Status: f.Status, Reason: f.Reason, Detail: f.Detail,
		Quality: f.Quality, Detections: f.Detections, Events: f.Events, Features: f.Features, Config: f.Config,
	}
	if f.Sequence != unknownSequence {
		r.Sequence = &f.Sequence
	}
	return r
}

// unknownSequence is that of a frame without one.
const unknownSequence = -1

// frame is the row of a file of that version, with nil for empty lists.
func (r *row) frame(version int) Frame {
	f := Frame{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp,
		Camera: r.Camera, Epoch: r.Epoch, Captured: r.Captured, Width: r.Width, Height: r.Height, Encoding: r.Encoding,
		Bytes: r.Bytes, Status: r.Status, Reason: r.Reason, Detail: r.Detail, Quality: r.Quality, Config: r.Config,
	}
	switch {
	case r.Sequence != nil:
		f.Sequence = *r.Sequence
	case version != withoutNulls: // in which the column was missing, if anything
		f.Sequence = unknownSequence
	}
	if len(r.Detections) > 0 {
		f.Detections = r.Detections
	}
	if len(r.Events) > 0 {
		f.Events = r.Events
	}
	if len(r.Features) > 0 {
		f.Features = r.Features
	}
	return f
}
