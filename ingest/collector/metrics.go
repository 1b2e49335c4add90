package collector

import (
	"context"
	"errors"
	"fmt"

	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/metrics"
)

// What is measured, by camera. Nothing here holds a source's address.
var (
	framesCaptured = metrics.Counter("framebeam_camera_frames_captured_total", "Frames captured and encoded.", "camera")
	framesSent     = metrics.Counter("framebeam_camera_frames_sent_total", "Frames that the brokers acknowledged.", "camera")
	bytesSent      = metrics.Counter("framebeam_camera_sent_bytes_total", "Bytes of the images of those.", "camera")
	framesLost     = metrics.Counter("framebeam_camera_frames_lost_total", "Pictures and frames that are not sent, by why: dropped (given up while "+
		"Kafka was slow), late (this machine was too slow), unreadable, refused (too large for the topic), rejected (by the brokers).", "camera", "reason")
	framesSkipped = metrics.Counter("framebeam_camera_frames_skipped_total", "Pictures left out on purpose: limited (by max_fps), published (in the topic already).",
		"camera", "reason")
	framesWaiting = metrics.Gauge("framebeam_camera_queue_frames", "Frames on their way to the brokers, not acknowledged.", "camera")
	bytesWaiting  = metrics.Gauge("framebeam_camera_queue_bytes", "Bytes of memory that they take.", "camera")
	epochs        = metrics.Counter("framebeam_camera_epochs_total", "Epochs begun.", "camera")
	failures      = metrics.Counter("framebeam_camera_failures_total", "Streams that could not be opened, broke off, hung or crashed; a live source is then opened again.", "camera")
	clockSteps    = metrics.Counter("framebeam_camera_clock_steps_total", "Times that this machine's clock was set under the camera.", "camera")
	cameraUp      = metrics.Gauge("framebeam_camera_up", "1 while the camera's source is read, 0 while it is lost or has ended.", "camera").Joined(metrics.Lowest)
	cameraLive    = metrics.Gauge("framebeam_camera_live", "1 of a live camera, 0 of files, which may end.", "camera").Joined(metrics.Highest)
	lastFrame     = metrics.Gauge("framebeam_camera_last_frame_timestamp_seconds", "When the last frame came to the collector, since 1970.", "camera").Joined(metrics.Lowest)
	lastCapture   = metrics.Gauge("framebeam_camera_last_capture_timestamp_seconds", "When the last frame was captured, since 1970; of files in their own time.", "camera").
			Joined(metrics.Lowest)
	captureLag = metrics.Gauge("framebeam_camera_capture_lag_seconds", "From the capture of the last frame of a live camera until it was encoded and came to the collector.", "camera").
			Joined(metrics.Highest)
	encodeSeconds = metrics.Histogram("framebeam_camera_encode_seconds", "How long frames took to be resized and encoded.", "camera")
	sourceCPU     = metrics.Counter("framebeam_camera_process_cpu_seconds_total", "CPU of the processes that read the camera.", "camera")
	sourceMemory  = metrics.Gauge("framebeam_camera_process_resident_memory_bytes", "Memory of the process that reads the camera, 0 if there is none.", "camera")
	sourceStarts  = metrics.Counter("framebeam_camera_process_starts_total", "Processes started to read the camera; more than one: it crashed, hung, or took too much memory.", "camera")
)

// measure says how the run is, until the returned function is called.
func (r *run) measure() (stop func()) {
	m := r.opts.Metrics
	remove := m.Collect(func(v *metrics.Values) {
		for _, c := range r.summary().Cameras {
			if !c.Removed {
				c.measure(v)
			}
		}
	})
	m.Alive("cameras", func(context.Context) error {
		r.summary() // needs the locks that all of them take
		return nil
	})
	m.Ready("sources", func(context.Context) error { return r.summary().ready() })
	return func() {
		remove()
		m.Alive("cameras", nil)
		m.Ready("sources", func(context.Context) error { return errors.New("the collector is ending") })
	}
}

// ready is nil as soon as one source is read: a collector whose cameras are all away does
// nothing.
func (s Summary) ready() error {
	for _, c := range s.Cameras {
		if c.Up {
			return nil
		}
	}
	return fmt.Errorf("none of %d is read", len(s.Cameras))
}

// measure gives a camera's numbers.
func (c *CameraSummary) measure(v *metrics.Values) {
	is := func(f *metrics.Family, n int64) { v.Set(f, float64(n), c.Camera) }
	is(framesCaptured, c.Captured)
	is(framesSent, c.Sent)
	is(bytesSent, c.Bytes)
	for reason, n := range map[string]int64{
		"dropped": c.Dropped, "late": c.Late, "unreadable": c.Unreadable, "refused": c.Refused, "rejected": c.Rejected,
	} {
		v.Set(framesLost, float64(n), c.Camera, reason)
	}
	v.Set(framesSkipped, float64(c.Limited), c.Camera, "limited")
	v.Set(framesSkipped, float64(c.Published), c.Camera, "published")
	is(framesWaiting, c.Unsent)
	is(bytesWaiting, c.QueueBytes)
	is(epochs, c.Epochs)
	is(failures, c.Failures)
	is(clockSteps, c.ClockSteps)
	whether := func(f *metrics.Family, holds bool) {
		n := int64(0)
		if holds {
			n = 1
		}
		is(f, n)
	}
	whether(cameraUp, c.Up)
	whether(cameraLive, c.Live)
	if !c.Last.IsZero() {
		v.Set(lastFrame, float64(c.Last.Add(c.Lag).UnixMilli())/1e3, c.Camera)
		v.Set(lastCapture, float64(c.Last.UnixMilli())/1e3, c.Camera)
		if c.Live {
			v.Set(captureLag, c.Lag.Seconds(), c.Camera)
		}
	}
	v.Observed(encodeSeconds, spread(c.Encode), c.Camera)
	v.Set(sourceCPU, c.Process.CPU.Seconds(), c.Camera)
	is(sourceMemory, c.Process.Resident)
	is(sourceStarts, c.Process.Starts)
}

func spread(d capture.Durations) metrics.Spread {
	s := metrics.Spread{Count: d.Count, Sum: d.Sum.Seconds(), Buckets: map[float64]uint64{}}
	var below uint64
	for i, bound := range capture.DurationBounds {
		below += d.Below[i]
		s.Buckets[bound.Seconds()] = below
	}
	return s
}
