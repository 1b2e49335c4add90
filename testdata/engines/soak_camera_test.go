//go:build engines

package engines

import (
	"bufio"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// rtspCamera is a running RTSP camera that can be switched off.
type rtspCamera struct {
	t   *testing.T
	url string

	mu  sync.Mutex
	cmd *exec.Cmd
	out bool // it is off, or stands
	wg  sync.WaitGroup
}

func startRTSP(t *testing.T) *rtspCamera {
	t.Helper()
	c := &rtspCamera{t: t}
	if err := c.start("0"); err != nil {
		t.Fatalf("an RTSP camera (gir1.2-gst-rtsp-server-1.0 and python3-gi): %v", err)
	}
	t.Cleanup(func() {
		c.wg.Wait()
		c.cmd.Process.Kill()
		c.cmd.Wait()
	})
	return c
}

// start starts it on a port, and waits until it listens.
func (c *rtspCamera) start(port string) error {
	// Debian's Python: the GStreamer packages are for it.
	cmd := exec.Command("/usr/bin/python3", "../rtsp/camera.py", "--port="+port, "--size=160x120")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return err
	}
	go func() { // what it says of its viewers
		for err := error(nil); err == nil; {
			_, err = lines.ReadString('\n')
		}
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cmd, c.url = cmd, strings.TrimSpace(line)
	return nil
}

// off switches it off for a while, unless it is.
func (c *rtspCamera) off(lasting time.Duration) bool {
	return c.away(lasting, func() {
		c.cmd.Process.Kill()
		c.cmd.Wait()
	}, func() {
		u, err := url.Parse(c.url)
		if err == nil {
			err = c.start(u.Port())
		}
		if err != nil {
			c.t.Errorf("the camera does not come back: %v", err)
		}
	})
}

// stands lets it stand still for a while, unless it is off.
func (c *rtspCamera) stands(lasting time.Duration) bool {
	return c.away(lasting, func() { c.cmd.Process.Signal(syscall.SIGSTOP) }, func() { c.cmd.Process.Signal(syscall.SIGCONT) })
}

func (c *rtspCamera) away(lasting time.Duration, begin, end func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out {
		return false
	}
	c.out = true
	begin()
	c.wg.Go(func() {
		time.Sleep(lasting) // that it is away is the fault
		end()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.out = false
	})
	return true
}
