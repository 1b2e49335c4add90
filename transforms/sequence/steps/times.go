package steps

import (
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
)

// maxAgo bounds times in saved memories, in microseconds: frames are from 1970 to 2261.
const maxAgo = 1 << 55

// seconds of a time in microseconds.
func seconds(us int64) float64 { return float64(us) / 1e6 }

// secondsOf a time in nanoseconds, to the millisecond.
func secondsOf(ns int64) float64 { return float64(ns/int64(time.Millisecond)) / 1000 }

// micros is a time in microseconds.
func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// millis is a parameter in milliseconds.
func millis(d params.Duration) int64 { return time.Duration(d).Milliseconds() }

// clock is the time of day, UTC, of milliseconds since 1970.
func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05.000") }
