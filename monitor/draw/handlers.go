package draw

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/pmezard/go-difflib/difflib"

	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/web"
	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/strictyaml/edit"
	"github.com/framebeam/framebeam/transforms/frame"
)

// service answers the view's requests.
type service struct {
	web.Deps
	file file
	jobs *jobs

	mu   sync.Mutex
	seen map[string]bool // cameras of which there are rows
}

// mostSeen bounds how many cameras are remembered.
const mostSeen = 20_000

// Register adds the handlers of the view.
func Register(mux *http.ServeMux, d web.Deps) {
	s := &service{Deps: d, file: file{path: d.Inputs.Analyses}, seen: map[string]bool{}}
	s.jobs = newJobs(d.Inputs, d.Log)
	d.Inputs.OnRows(s.meet)
	mux.Handle("GET /api/v1/draw/cameras/{camera}", d.Handle(s.camera))
	mux.Handle("GET /api/v1/draw/cameras/{camera}/picture", d.Handle(s.picture))
	mux.Handle("POST /api/v1/draw/cameras/{camera}/preview", d.Handle(s.preview))
	if d.Edit {
		mux.Handle("POST /api/v1/draw/cameras/{camera}/save", d.Handle(s.save))
	}
	mux.Handle("POST /api/v1/draw/cameras/{camera}/backtest", d.Handle(s.begin))
	mux.Handle("GET /api/v1/draw/backtests/{id}", d.Handle(s.jobs.get))
	mux.Handle("DELETE /api/v1/draw/backtests/{id}", d.Handle(s.jobs.cancel))
	mux.Handle("GET /api/v1/draw/backtests/{id}/report", d.Handle(s.jobs.report))
	mux.Handle("GET /api/v1/draw/backtests/{id}/pictures/{number}/{side}", d.Handle(s.jobs.picture))
	d.Background(s.jobs.run)
}

func (s *service) meet(u inputs.Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range u.Rows {
		if c := u.Rows[i].Camera; c != "" && len(s.seen) < mostSeen {
			s.seen[c] = true
		}
	}
}

// known are all cameras that are known, sorted.
func (s *service) known() []string {
	s.mu.Lock()
	all := maps.Clone(s.seen)
	s.mu.Unlock()
	for _, c := range s.Inputs.CameraIDs() {
		all[c] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func cameraID(r *http.Request) (string, error) {
	id := r.PathValue("camera")
	if !frame.ValidCamera(id) {
		return "", web.BadRequest("%.80q is no camera's id", id)
	}
	return id, nil
}

// read is the file as it is now; false: none was named.
func (s *service) read() (text, bool, error) {
	if s.file.path == "" {
		return text{tag: tagOf(nil)}, false, nil
	}
	t, err := s.file.read()
	if err != nil {
		return t, true, &inputs.AwayError{Input: inputs.Analyses, Err: err}
	}
	return t, true, nil
}

// answer is what the page needs to draw.
type answer struct {
	Camera   string         `json:"camera"`
	File     string         `json:"file"` // name; "": none
	Tag      string         `json:"tag"`  // of what was read
	Edit     bool           `json:"edit"` // it may be saved
	Backtest bool           `json:"backtest"`
	Has      Camera         `json:"has"`
	Defaults map[string]any `json:"defaults"` // of the parameters of lines and zones
	Wrong    []violation    `json:"wrong"`    // with the file as it is
}

type violation struct {
	Line int    `json:"line"` // 0: unknown
	Text string `json:"text"`
}

func violations(list []strictyaml.Violation) []violation {
	all := make([]violation, len(list))
	for i, v := range list {
		all[i] = violation{v.Line, v.Text}
	}
	return all
}

func (s *service) camera(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err != nil {
		return err
	}
	t, named, err := s.read()
	if err != nil {
		return err
	}
	a := answer{Camera: id, Tag: t.tag, Edit: s.Edit && named, Backtest: named, Defaults: map[string]any{}, Wrong: []violation{}}
	if named {
		a.File = filepath.Base(s.file.path)
	}
	for _, kind := range kinds {
		if a.Defaults[kind], err = defaults(kind); err != nil {
			return err
		}
	}
	var tree any
	lines := strictyaml.Lines{}
	var bad strictyaml.Violations
	if _, err := edit.Parse(a.File, t.data); err == nil {
		tree, lines, _ = bad.Tree(bad.Parse(t.data))
	} else if wrong := (*strictyaml.Error)(nil); errors.As(err, &wrong) {
		a.Wrong = violations(wrong.List)
	} else {
		return err
	}
	if named && len(a.Wrong) == 0 {
		a.Wrong = violations(Check(a.File, t.data))
	}
	a.Has = cameraOf(tree, lines, id, s.known())
	return web.JSON(w, r, a)
}

// asked is what the page sends to have something changed.
type asked struct {
	Tag   string `json:"tag"` // of what the changes were made for
	Edits []Edit `json:"edits"`
}

// change makes what is asked of the file as it is now.
func (s *service) change(camera string, a *asked) (was text, c *Change, err error) {
	was, _, err = s.read()
	if err != nil {
		return was, nil, err
	}
	if was.tag != a.Tag {
		return was, nil, &web.Error{Status: http.StatusConflict, Code: "changed", Message: ErrChanged.Error()}
	}
	c, err = Apply(s.name(), was.data, camera, a.Edits)
	if wrong := (*strictyaml.Error)(nil); errors.As(err, &wrong) {
		return was, nil, &web.Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: wrong.Error()}
	}
	if err != nil {
		return was, nil, &web.Error{Status: http.StatusUnprocessableEntity, Code: "refused", Message: err.Error()}
	}
	return was, c, nil
}

func (s *service) name() string {
	if s.file.path == "" {
		return "analyses.yaml"
	}
	return filepath.Base(s.file.path)
}

// diff are the lines that change, as diff -u has them.
func diff(name string, a, b []byte) string {
	if bytes.Equal(a, b) {
		return ""
	}
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(string(a)), B: difflib.SplitLines(string(b)), FromFile: name, ToFile: name + " (drawn)", Context: 3,
	})
	if err != nil {
		return "" // a builder of strings never fails
	}
	return text
}

// asked is the change that a request asks for, of a camera's shapes as they were in was.
func (s *service) asked(w http.ResponseWriter, r *http.Request) (was text, c *Change, err error) {
	id, err := cameraID(r)
	if err != nil {
		return was, nil, err
	}
	var a asked
	if err := web.Read(w, r, &a); err != nil {
		return was, nil, err
	}
	return s.change(id, &a)
}

func (s *service) preview(w http.ResponseWriter, r *http.Request) error {
	was, c, err := s.asked(w, r)
	if err != nil {
		return err
	}
	return web.JSON(w, r, map[string]any{
		"tag": was.tag, "diff": diff(s.name(), was.data, c.Text), "wrong": violations(c.Wrong), "result": tagOf(c.Text),
	})
}

func (s *service) save(w http.ResponseWriter, r *http.Request) error {
	was, c, err := s.asked(w, r)
	if err != nil {
		return err
	}
	if len(c.Wrong) > 0 {
		return &web.Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: (&strictyaml.Error{File: s.name(), List: c.Wrong}).Error()}
	}
	err = s.file.write(c.Text, was.tag)
	switch {
	case errors.Is(err, ErrChanged):
		return &web.Error{Status: http.StatusConflict, Code: "changed", Message: ErrChanged.Error()}
	case errors.Is(err, fs.ErrPermission):
		return &web.Error{Status: http.StatusForbidden, Code: "read_only", Message: err.Error()}
	case err != nil:
		return err
	}
	s.Log.Info("analyses were changed on the page", "file", s.file.path, "camera", r.PathValue("camera"))
	return web.JSON(w, r, map[string]any{"tag": tagOf(c.Text)})
}

// picture is the camera's last picture in the log, without anything drawn into it.
func (s *service) picture(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err != nil {
		return err
	}
	var still *clip.Still
	err = s.Inputs.Frames(r.Context(), func(src *clip.Source) (err error) {
		still, err = src.Still(r.Context(), id, time.Now().Add(time.Hour), clip.Form{Zone: s.Inputs.Zone}, ".jpg")
		return err
	})
	if errors.Is(err, clip.ErrNoFrames) {
		return web.NotFound("there is no picture of camera %s", id)
	}
	if err != nil {
		return err
	}
	web.Bytes(w, r, "image/jpeg", still.Data)
	return nil
}

func (s *service) begin(w http.ResponseWriter, r *http.Request) error {
	id, err := cameraID(r)
	if err != nil {
		return err
	}
	var a struct {
		asked
		Hours    float64 `json:"hours"`
		Analysis string  `json:"analysis"` // lines/gate, zones/ramp, or that has masks
	}
	if err := web.Read(w, r, &a); err != nil {
		return err
	}
	if !(a.Hours > 0 && a.Hours <= mostHours) {
		return web.BadRequest("hours: %v is not more than 0 and at most 744", a.Hours)
	}
	was, c, err := s.change(id, &a.asked)
	if err != nil {
		return err
	}
	if len(c.Wrong) > 0 {
		return &web.Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: (&strictyaml.Error{File: s.name(), List: c.Wrong}).Error()}
	}
	j, err := newJob(id, a.Analysis, time.Duration(a.Hours*float64(time.Hour)), s.name(), was.data, c.Text)
	if err != nil {
		return err
	}
	return s.jobs.start(w, r, j)
}
