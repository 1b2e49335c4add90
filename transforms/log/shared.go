package log

import (
	"context"
	"fmt"
	"sync"
)

// sharedLogs are the logs that the readers of this process have open. Engines
// make many copies of a DoFn; they share one log and so its connections.
var sharedLogs struct {
	sync.Mutex
	logs map[string]*sharedLog
}

type sharedLog struct {
	Log
	users int
}

// Acquire opens the log of a spec, or returns the one that is open in this process. Give
// it back with [Release].
func Acquire(ctx context.Context, spec Spec) (Log, error) {
	sharedLogs.Lock()
	defer sharedLogs.Unlock()
	key := fmt.Sprintf("%q", spec)
	l := sharedLogs.logs[key]
	if l == nil {
		log, err := Open(ctx, spec)
		if err != nil {
			return nil, err
		}
		if sharedLogs.logs == nil {
			sharedLogs.logs = map[string]*sharedLog{}
		}
		l = &sharedLog{Log: log}
		sharedLogs.logs[key] = l
	}
	l.users++
	return l.Log, nil
}

// Release gives back what [Acquire] gave. The last user closes the log.
func Release(spec Spec) error {
	sharedLogs.Lock()
	defer sharedLogs.Unlock()
	key := fmt.Sprintf("%q", spec)
	l := sharedLogs.logs[key]
	if l.users--; l.users > 0 {
		return nil
	}
	delete(sharedLogs.logs, key)
	return l.Close()
}
