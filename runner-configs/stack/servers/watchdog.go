package servers

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// watchdog is a small shell that kills every process of a stack when this process ends,
// even by SIGKILL: then the kernel closes the pipe that the shell reads. It also finds
// what the servers started, which a parent-death signal would not.
type watchdog struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

// watchScript gets the stack's mark as $0. The shell must not carry it itself. What grep
// returns says nothing: some process always ends while it looks.
const watchScript = `cat
while pids=$(grep -lszxF -e "$0" /proc/[0-9]*/environ); [ -n "$pids" ]; do
	for p in $pids; do p=${p#/proc/}; kill -9 "${p%/environ}"; done
	sleep 0.1
done 2>/dev/null`

func watch(dir string) (*watchdog, error) {
	cmd := exec.Command("/bin/sh", "-c", watchScript, stackMark+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	return &watchdog{cmd, pipe}, nil
}

// bite ends what is left of the stack, and the watchdog.
func (w *watchdog) bite() error {
	if err := w.pipe.Close(); err != nil {
		return err
	}
	return w.cmd.Wait()
}
