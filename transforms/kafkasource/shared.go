package kafkasource

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

// acquireLog opens the log of a spec, or returns the one that is open. Give it
// back with releaseLog.
func acquireLog(ctx context.Context, spec LogSpec) (Log, error) {
	sharedLogs.Lock()
	defer sharedLogs.Unlock()
	key := fmt.Sprintf("%q", spec)
	l := sharedLogs.logs[key]
	if l == nil {
		log, err := OpenLog(ctx, spec)
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

func releaseLog(spec LogSpec) error {
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
