package pipeline

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/web"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	// mostLetters are listed, the newest.
	mostLetters = 500
	// mostShown bytes of a record are shown; all of it can be downloaded.
	mostShown = 4 << 10
)

// letter is a record that could not be read.
type letter struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Camera    string    `json:"camera"`
	At        time.Time `json:"at"`
	Reason    string    `json:"reason"`
	Detail    string    `json:"detail"`
	Bytes     int64     `json:"bytes"`
}

// letters are the dead letters of the feed's day.
type letters struct {
	mu      sync.Mutex
	day     time.Time
	reasons map[string]int64
	list    []letter // the newest last
}

func (l *letters) take(u inputs.Update) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u.Reset || l.reasons == nil {
		l.day, l.reasons, l.list = u.Day, map[string]int64{}, nil
	}
	for i := range u.Rows {
		if r := &u.Rows[i]; r.Status == result.Dead {
			l.reasons[r.Reason]++
			l.list = kept(l.list, r)
		}
	}
}

// kept adds a row to a list of the newest.
func kept(list []letter, r *result.Frame) []letter {
	if len(list) >= 2*mostLetters {
		list = slices.Delete(list, 0, len(list)-mostLetters)
	}
	return append(list, letter{r.Topic, r.Partition, r.Offset, r.Camera, r.At(), r.Reason, r.Detail, r.Bytes})
}

// reason is how many dead letters have it.
type reason struct {
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
}

// deadDay are the dead letters of a day.
type deadDay struct {
	Day     string   `json:"day"`
	Count   int64    `json:"count"`
	Reasons []reason `json:"reasons"` // the most first
	List    []letter `json:"list"`    // the newest first
}

func (l *letters) sums(zone *time.Location) deadDay {
	l.mu.Lock()
	defer l.mu.Unlock()
	return dayOf(l.day.In(zone), l.reasons, l.list, 20)
}

func dayOf(day time.Time, reasons map[string]int64, list []letter, most int) deadDay {
	d := deadDay{Day: day.Format(time.DateOnly), Reasons: []reason{}, List: []letter{}}
	for name, n := range reasons {
		d.Count += n
		d.Reasons = append(d.Reasons, reason{name, n})
	}
	slices.SortFunc(d.Reasons, func(a, b reason) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason)) })
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b letter) int { return a.At.Compare(b.At) })
	for _, x := range slices.Backward(list) {
		if len(d.List) == most {
			break
		}
		d.List = append(d.List, x)
	}
	return d
}

// letters answers with the dead letters of a ?day=, and of a ?reason= if that is given.
func (v *view) letters(w http.ResponseWriter, r *http.Request) error {
	why := r.URL.Query().Get("reason")
	of, err := web.Day(r.URL.Query().Get("day"), v.Inputs.Zone)
	if err != nil {
		return err
	}
	reasons := map[string]int64{}
	var list []letter
	err = v.Inputs.Scan(r.Context(), func(s *scan.Scan) error {
		for row, err := range s.Rows(r.Context(), scan.Query{Period: of, Columns: result.OfStatus | result.OfImage}) {
			if err != nil {
				return err
			}
			if row.Status == result.Dead {
				reasons[row.Reason]++
				if why == "" || why == row.Reason {
					list = kept(list, row)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return web.JSON(w, r, dayOf(of.From, reasons, list, mostLetters))
}

// shown is a record for people.
type shown struct {
	Topic     string      `json:"topic"`
	Partition int32       `json:"partition"`
	Offset    int64       `json:"offset"`
	Timestamp time.Time   `json:"timestamp"`
	Key       string      `json:"key"`
	Headers   [][2]string `json:"headers"`
	Bytes     int         `json:"bytes"`
	// Kind says what Value is: json, text or hex (with the text beside it, as hexdump -C has it).
	Kind  string `json:"kind"`
	Value string `json:"value"`
	// Cut: there is more of it.
	Cut bool `json:"cut"`
}

// record answers with a record by its ?topic=, &partition= and &offset=, for people, or with
// &download=1 its value as it is.
func (v *view) record(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	topic := q.Get("topic")
	partition, err1 := strconv.ParseInt(q.Get("partition"), 10, 32)
	offset, err2 := strconv.ParseInt(q.Get("offset"), 10, 64)
	if frame.CheckTopic(topic) != nil || err1 != nil || err2 != nil || partition < 0 || offset < 0 || offset >= chunk.MaxOffset {
		return web.BadRequest("topic, partition and offset are to say which record")
	}
	if err := v.mayRead(r, topic); err != nil {
		return err
	}
	rec, err := v.Inputs.Record(r.Context(), chunk.Partition{Topic: topic, ID: int32(partition)}, offset)
	if err != nil {
		return err
	}
	if q.Get("download") != "" {
		h := w.Header()
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%d-%d.bin"`, topic, partition, offset))
		h.Set("Cache-Control", "private, no-store")
		_, _ = w.Write(rec.Value)
		return nil
	}
	s := shown{
		Topic: topic, Partition: int32(partition), Offset: offset, Timestamp: time.UnixMilli(rec.Timestamp).UTC(), Key: printable(rec.Key, 256),
		Headers: [][2]string{}, Bytes: len(rec.Value),
	}
	for _, h := range rec.Headers {
		if len(s.Headers) == 64 {
			break
		}
		s.Headers = append(s.Headers, [2]string{printable([]byte(h.Key), 256), printable(h.Value, 1024)})
	}
	s.Kind, s.Value, s.Cut = show(rec.Value)
	w.Header().Set("Cache-Control", "private, no-store")
	return web.JSON(w, r, s)
}

// mayRead lets only the topics of frames be read: what else is in Kafka is nobody's here.
func (v *view) mayRead(r *http.Request, topic string) error {
	if topic == v.Inputs.Topic {
		return nil
	}
	known := false
	err := v.Inputs.Scan(r.Context(), func(s *scan.Scan) error {
		parts, err := s.Output().Partitions(r.Context())
		for _, p := range parts {
			known = known || p.Topic == topic
		}
		return err
	})
	if err == nil && !known {
		return web.NotFound("the output has nothing of a topic %s", topic)
	}
	return err
}

// show makes of bytes what can be read.
func show(value []byte) (kind, text string, cut bool) {
	head := value[:min(len(value), mostShown)]
	cut = len(head) < len(value)
	for cut && len(head) > 0 && !utf8.RuneStart(value[len(head)]) {
		head = head[:len(head)-1] // not in the middle of a letter
	}
	if utf8.Valid(head) && !strings.ContainsFunc(string(head), func(c rune) bool { return unicode.IsControl(c) && !unicode.IsSpace(c) }) {
		if json.Valid(value) {
			return "json", string(head), cut
		}
		return "text", string(head), cut
	}
	const most = 1 << 10
	head = value[:min(len(value), most)]
	return "hex", hex.Dump(head), len(head) < len(value)
}

// printable is at most so many bytes of a text, with what is none marked.
func printable(b []byte, most int) string {
	s := strings.ToValidUTF8(string(b[:min(len(b), most)]), "\ufffd")
	if len(b) > most {
		s += "…"
	}
	return s
}
