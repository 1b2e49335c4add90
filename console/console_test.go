package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var times = regexp.MustCompile(`time=\S+ `)

// plain is a text without the times of log lines.
func plain(text string) string { return times.ReplaceAllString(text, "") }

// everything says one of each.
func everything(c *Console) {
	log := slog.New(c.Handler(slog.LevelWarn))
	c.Say("slice %d", 1)
	c.Progress("read 5", slog.Int("read", 5))
	log.Info("not of that level")
	log.Warn("Kafka fails", "reason", "a timeout")
	c.Progress("read 7", slog.Int("read", 7))
	c.Progress("read 9", slog.Int("read", 9))
	c.EndProgress()
	c.Note("interrupted")
	c.Fail(errors.New("one\ntwo"))
}

func TestForPeopleItIsLines(t *testing.T) {
	var b bytes.Buffer
	everything(Open(&b, Options{}))
	want := "slice 1\nread 5\nlevel=WARN msg=\"Kafka fails\" reason=\"a timeout\"\nread 7\nread 9\ninterrupted\none\ntwo\n"
	if diff := cmp.Diff(want, plain(b.String())); diff != "" {
		t.Error(diff)
	}
}

func TestQuietItSaysOnlyWhatWentWrong(t *testing.T) {
	var b bytes.Buffer
	everything(Open(&b, Options{Quiet: true}))
	want := "level=WARN msg=\"Kafka fails\" reason=\"a timeout\"\ninterrupted\none\ntwo\n"
	if diff := cmp.Diff(want, plain(b.String())); diff != "" {
		t.Error(diff)
	}
}

func TestForProgramsEveryLineIsAnObject(t *testing.T) {
	var b bytes.Buffer
	everything(Open(&b, Options{JSON: true}))
	var got []string
	for line := range strings.Lines(b.String()) {
		var l struct {
			Time, Level, Msg, Reason string
			Read                     int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Time == "" {
			t.Fatalf("%v: %s", err, line)
		}
		got = append(got, strings.TrimSpace(l.Level+" "+l.Msg+" "+l.Reason)+strings.Repeat("|", l.Read))
	}
	want := []string{"INFO slice 1", "INFO progress|||||", "WARN Kafka fails a timeout", "INFO progress|||||||", "INFO progress|||||||||", "INFO interrupted", "ERROR one\ntwo"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOnATerminalProgressStaysInItsPlaceAndLevelsHaveColours(t *testing.T) {
	var b bytes.Buffer
	c := &Console{w: &b, terminal: true, colours: true, width: func() int { return 7 }}
	everything(c)
	want := "slice 1\n\rread 5\x1b[K\r\x1b[K\x1b[33mlevel=WARN\x1b[0m msg=\"Kafka fails\" reason=\"a timeout\"\n" +
		"\rread 7\x1b[K\rread 9\x1b[K\ninterrupted\none\ntwo\n"
	if diff := cmp.Diff(want, plain(b.String())); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	c.Progress("reading on")
	if got := b.String(); got != "\rreadin\x1b[K" {
		t.Errorf("%q is longer than a line", got)
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if c := Open(f, Options{}); c.Terminal() || c.colours {
		t.Error("it is taken for a terminal")
	}
}

func TestAConsoleMayWriteElsewhere(t *testing.T) {
	var a, b bytes.Buffer
	c := Open(&a, Options{JSON: true}).Over(&b)
	c.Fail(errors.New("no camera"))
	if a.Len() > 0 || !strings.Contains(b.String(), `"msg":"no camera"`) {
		t.Errorf("%s and %s", &a, &b)
	}
}
