package steps

import (
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/result"
)

// Alarms by their place in states.
const (
	frozenAlarm = iota
	darkAlarm
	brightAlarm
	blurredAlarm
	coveredAlarm
	movedAlarm
	missingAlarm
	alarms
)

var alarmEvents = [alarms]string{
	frozenAlarm: result.EventFrozen, darkAlarm: result.EventTooDark, brightAlarm: result.EventTooBright, blurredAlarm: result.EventTooBlurry,
	coveredAlarm: result.EventCovered, movedAlarm: result.EventSceneChange, missingAlarm: result.EventMissingRate,
}

// A condition is what one frame says about one fault.
type condition uint8

const (
	unknown condition = iota // it says nothing: what counts is before and after it
	well
	doubtful // between well and ill: as before
	ill
)

// judge is ill if there is a fault, well if there is surely none.
func judge(fault, none bool) condition {
	switch {
	case fault:
		return ill
	case none:
		return well
	}
	return doubtful
}

// alarm is one fault over time, in nanoseconds since 1970.
type alarm struct {
	active bool
	since  int64 // when it became ill; 0: it is not
	clear  int64 // when it became well again; 0: it is not
}

// see takes a frame's condition at a time. ripe: it has been ill for long enough to
// begin; ended: it has been well for long enough.
func (a *alarm) see(c condition, at int64, after, recover params.Duration) (ripe, ended bool) {
	if !a.active {
		switch c {
		case ill:
			if a.since == 0 || a.since > at {
				a.since = at
			}
		case well, unknown:
			a.since = 0
		}
		return c == ill && at-a.since >= int64(after), false
	}
	switch c {
	case well:
		if a.clear == 0 || a.clear > at {
			a.clear = at
		}
	case ill, unknown:
		a.clear = 0
	}
	return false, c == well && at-a.clear >= int64(recover)
}

// notAfter takes care of clocks that are set back: nothing has happened in the future.
func (a *alarm) notAfter(at int64) { a.since, a.clear = min(a.since, at), min(a.clear, at) }

// forget drops what is not settled: the frames do not follow each other.
func (a *alarm) forget() {
	if a.clear = 0; !a.active {
		a.since = 0
	}
}
