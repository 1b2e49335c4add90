// Package console is what a program says on its standard error: its log, how far it is,
// and why it fails. For people these are lines, on a terminal with one line of progress
// that stays in its place; for programs, JSON.
package console

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Options say how it is said.
type Options struct {
	JSON  bool // every line is a JSON object
	Quiet bool // nothing of how far it is
}

// Console is a standard error.
type Console struct {
	opts     Options
	terminal bool // it can be written over
	colours  bool
	width    func() int
	record   slog.Handler // with Options.JSON, of all that is no log line

	mu   sync.Mutex
	w    io.Writer
	open bool // a line of progress stands there, without its end
}

// Open makes a console of w, which is a terminal if it is a file that is one.
// NO_COLOR (https://no-color.org) keeps one without colours.
func Open(w io.Writer, opts Options) *Console {
	c := &Console{opts: opts, w: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		c.terminal = !opts.JSON && os.Getenv("TERM") != "dumb"
		c.colours = c.terminal && os.Getenv("NO_COLOR") == ""
		c.width = func() int {
			n, _, err := term.GetSize(int(f.Fd()))
			if err != nil || n < 1 {
				n = 80
			}
			return n
		}
	}
	if opts.JSON {
		c.record = slog.NewJSONHandler(c, nil)
	}
	return c
}

// Over makes a console that is c, but writes to w.
func (c *Console) Over(w io.Writer) *Console {
	o := &Console{opts: c.opts, terminal: c.terminal, colours: c.colours, width: c.width, w: w}
	if o.opts.JSON {
		o.record = slog.NewJSONHandler(o, nil)
	}
	return o
}

var (
	mu      sync.Mutex
	current = Open(standardError{}, Options{})
)

// standardError is os.Stderr as it is when something is written.
type standardError struct{}

func (standardError) Write(b []byte) (int, error) { return os.Stderr.Write(b) }

// Use makes c the one that [Default] returns.
func Use(c *Console) {
	mu.Lock()
	defer mu.Unlock()
	current = c
}

// Default is the console of this process, os.Stderr in plain lines unless [Use] was
// called.
func Default() *Console {
	mu.Lock()
	defer mu.Unlock()
	return current
}

// Write writes a whole line, or several, below what there is of progress.
func (c *Console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		c.open = false
		b = append([]byte("\r\x1b[K"), b...)
		n, err := c.w.Write(b)
		return max(n-4, 0), err
	}
	return c.w.Write(b)
}

// Handler is a handler of log lines from a level on.
func (c *Console) Handler(level slog.Leveler) slog.Handler {
	opts := &slog.HandlerOptions{Level: level}
	switch {
	case c.opts.JSON:
		return slog.NewJSONHandler(c, opts)
	case c.colours:
		return slog.NewTextHandler(painted{c}, opts)
	}
	return slog.NewTextHandler(c, opts)
}

// painted colours the levels of log lines.
type painted struct{ w io.Writer }

var paint = map[string]string{"DEBUG": "\x1b[2m", "INFO": "\x1b[36m", "WARN": "\x1b[33m", "ERROR": "\x1b[31m"}

func (p painted) Write(b []byte) (int, error) {
	const key = "level="
	before, rest, found := bytes.Cut(b, []byte(key))
	level, after, _ := bytes.Cut(rest, []byte(" "))
	colour, known := paint[string(level)]
	if !found || !known {
		return p.w.Write(b)
	}
	if _, err := fmt.Fprintf(p.w, "%s%s%s%s\x1b[0m %s", before, colour, key, level, after); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Say says something worth knowing about how the work goes.
func (c *Console) Say(format string, args ...any) {
	if !c.opts.Quiet {
		c.tell(slog.LevelInfo, fmt.Sprintf(format, args...))
	}
}

// Note says what is to be known in any case.
func (c *Console) Note(text string) { c.tell(slog.LevelInfo, text) }

// Fail says why the program fails, which is shown in any case.
func (c *Console) Fail(err error) { c.tell(slog.LevelError, err.Error()) }

func (c *Console) tell(level slog.Level, text string, attrs ...slog.Attr) {
	if c.record != nil {
		r := slog.NewRecord(time.Now(), level, text, 0)
		r.AddAttrs(attrs...)
		_ = c.record.Handle(context.Background(), r) // there is nowhere to say that it failed
		return
	}
	fmt.Fprintln(c, text)
}

// Progress says how far the work is: on a terminal in the place of what was said of it
// before, elsewhere as a line. attrs are the same for programs.
func (c *Console) Progress(line string, attrs ...slog.Attr) {
	switch {
	case c.opts.Quiet:
	case c.record != nil:
		c.tell(slog.LevelInfo, "progress", attrs...)
	case !c.terminal:
		fmt.Fprintln(c, line)
	default:
		c.mu.Lock()
		defer c.mu.Unlock()
		if runes := []rune(line); len(runes) >= c.width() {
			line = string(runes[:c.width()-1])
		}
		fmt.Fprintf(c.w, "\r%s\x1b[K", line)
		c.open = true
	}
}

// EndProgress leaves the last line of progress where it is.
func (c *Console) EndProgress() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		fmt.Fprintln(c.w)
		c.open = false
	}
}

// JSON and Quiet are the options.
func (c *Console) JSON() bool  { return c.opts.JSON }
func (c *Console) Quiet() bool { return c.opts.Quiet }

// Terminal reports whether progress stays in its place.
func (c *Console) Terminal() bool { return c.terminal && !c.opts.Quiet }
