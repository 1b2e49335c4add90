package cameras

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/framebeam/framebeam/monitor/web"
	"github.com/framebeam/framebeam/transforms/frame"
)

const (
	// mostWanted cameras may be asked for at once.
	mostWanted = 128
	// lookTime is how long after a request a camera counts as looked at.
	lookTime = 5 * time.Second
	// mostAnswer bounds the pictures of an answer; what is left out comes with the next.
	mostAnswer = 8 << 20
)

// pictures answers with those of the cameras that ?want=gate:KEY,yard names, that are others than
// those whose keys are given: for each four bytes with the length of its JSON (a [shot] with its key,
// or with why there is none), big endian, the JSON, four bytes with the length of the JPEG, and
// this. ?size= is small or large, ?show= automatic, newest or analysed.
func (v *view) pictures(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	size, which := small, q.Get("show")
	switch q.Get("size") {
	case "", "small":
	case "large":
		size = large
	default:
		return web.BadRequest("size is small or large")
	}
	switch which {
	case "":
		which = automatic
	case automatic, analysed, live:
	default:
		return web.BadRequest("show is automatic, newest or analysed")
	}
	wants := strings.Split(q.Get("want"), ",")
	if len(wants) > mostWanted {
		return web.BadRequest("more than %d cameras", mostWanted)
	}
	for _, want := range wants {
		if id, _, _ := strings.Cut(want, ":"); !frame.ValidCamera(id) {
			return web.BadRequest("%q is not a camera id", id)
		}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "private, no-store")
	_, _ = w.Write(v.answer(wants, size, which))
	return nil
}

func (v *view) answer(wants []string, size int, which string) (body []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	until := time.Now().Add(lookTime)
	for _, want := range wants {
		id, key, _ := strings.Cut(want, ":")
		c := v.cameras[id]
		if c == nil {
			continue // it is in the list, if anywhere, as one of which no frame is known
		}
		c.wanted[size] = until
		if which == analysed {
			c.wantResults = until
		}
		if len(body) > mostAnswer {
			continue
		}
		var head any
		var jpeg []byte
		if s := c.choose(which, size); s != nil {
			own := fmt.Sprintf("%d.%d.%t", s.Part, s.Offset, s.Analysed)
			if own == key {
				continue
			}
			head, jpeg = struct {
				*shot
				Key string `json:"key"`
			}{s, own}, s.jpeg[size]
		} else if c.failed != nil {
			head = map[string]string{"camera": id, "none": c.failed.Error()}
		} else {
			continue // it will come
		}
		b, err := json.Marshal(head)
		if err != nil {
			continue
		}
		body = binary.BigEndian.AppendUint32(body, uint32(len(b)))
		body = append(body, b...)
		body = binary.BigEndian.AppendUint32(body, uint32(len(jpeg)))
		body = append(body, jpeg...)
	}
	return body
}

// shape is a line or a zone as it is drawn.
type shape struct {
	Analysis string       `json:"analysis"`
	Name     string       `json:"name"`
	Zone     bool         `json:"zone"`
	Points   [][2]float64 `json:"points"` // 0 to 1 of width and height
	// Forward, Backward: which crossings of a line count.
	Forward  bool `json:"forward"`
	Backward bool `json:"backward"`
}

// shapesOf are the lines and zones of the camera's newest row.
func (v *view) shapesOf(w http.ResponseWriter, r *http.Request) error {
	id, err := v.named(r)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	all := []shape{}
	c := v.cameras[id]
	if c == nil || c.newest == nil {
		return web.JSON(w, r, map[string]any{"config": "", "shapes": all})
	}
	config, at := c.newest.Config, c.newest.At()
	for analysis := range v.shapes[config] {
		for _, s := range v.shapes.At(config, analysis, at) {
			one := shape{Analysis: analysis, Name: analysis, Zone: s.Closed, Forward: s.Forward, Backward: s.Backward}
			if _, name, ok := strings.Cut(analysis, "/"); ok {
				one.Name = name
			}
			for _, p := range s.Points {
				one.Points = append(one.Points, [2]float64(p))
			}
			all = append(all, one)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Analysis < all[j].Analysis })
	return web.JSON(w, r, map[string]any{"config": config, "shapes": all})
}
