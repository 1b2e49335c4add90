package perframe

import (
	"errors"
	"fmt"
	"image"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pipe"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func init() {
	Register(Kind{
		Kind:    params.KindOf("pipes", "what programs of your own find, each named, in any language (docs/pipe.md)", true, DefaultPipe()),
		Resolve: func(p params.Params) (params.Params, error) { return p.(PipeConfig).resolve() },
		Make:    func(name string, p params.Params) (Analysis, error) { return NewPipe(name, p.(PipeConfig)) },
	})
}

// PipeConfig are the parameters of a pipe; see [DefaultPipe] and docs/pipe.md.
//
// What a program answers must follow from the frame that it is asked about and nothing
// else: not from frames before, time, or chance. Framebeam cannot see that it does. A
// frame to which it gives no answer in all attempts becomes a dead letter with
// [frame.ReasonAnalysisFailed], which another run may not repeat.
type PipeConfig struct {
	Command []string          `json:"command" items:"0,100" doc:"the program and its arguments, as a list; no shell looks at them"`
	Format  string            `json:"format" enum:"encoded,bgr,gray" doc:"how the program gets frames: as they were encoded, or as pixels"`
	Resize  int               `json:"resize" min:"0" max:"4096" doc:"pixels of the longer side of what the program gets (not of encoded); 0: as it is"`
	Version string            `json:"version" doc:"to be changed when the program changes, so that its results count as new"`
	Files   []PipeFile        `json:"files" items:"0,100" doc:"files that the program's answers depend on: itself, its models"`
	Env     map[string]string `json:"env" doc:"environment variables for the program; no secrets: the configuration is kept with the results"`
	Inherit []string          `json:"inherit" items:"0,100" doc:"names of environment variables of the worker that the program gets, beside PATH, HOME, LANG, LC_ALL, TZ and TMPDIR"`

	// What follows changes no result, but for frames that get no answer at all.
	Processes  int             `json:"processes" min:"1" max:"64" doc:"how many of the program run at once on each worker"`
	StartLimit params.Duration `json:"start_limit" min:"10ms" max:"1h" doc:"time for the program to be ready"`
	FrameLimit params.Duration `json:"frame_limit" min:"1ms" max:"1h" doc:"time for an answer; choose a large one, for a busy machine"`
	Attempts   int             `json:"attempts" min:"1" max:"10" doc:"how often a frame is tried, each time but the first in a fresh process"`
}

// PipeFile is a file that a program's answers depend on.
type PipeFile struct {
	Path   string `json:"path" doc:"where it is on the workers"`
	SHA256 string `json:"sha256" doc:"SHA-256 of its content, in hex; filled in where the job is described if the file is there"`
}

// DefaultPipe is one process, a minute to start, ten seconds and three attempts for a
// frame, as it was encoded.
func DefaultPipe() PipeConfig {
	return PipeConfig{
		Format: "encoded", Processes: 1, StartLimit: params.Duration(time.Minute), FrameLimit: params.Duration(10 * time.Second), Attempts: 3,
	}
}

// Validate returns every violation, joined.
func (c PipeConfig) Validate() error {
	errs := []error{params.Check(c)}
	wrong := func(field, format string, args ...any) { errs = append(errs, params.Wrong(field, format, args...)) }
	if len(c.Command) == 0 || c.Command[0] == "" {
		wrong("command", "names no program")
	}
	for i, arg := range c.Command {
		if strings.ContainsRune(arg, 0) {
			wrong(fmt.Sprintf("command/%d", i), "has a NUL in it")
		}
	}
	if c.Format == "encoded" && c.Resize != 0 {
		wrong("resize", "frames that stay as they were encoded are not resized")
	}
	for i, f := range c.Files {
		if f.Path == "" {
			wrong(fmt.Sprintf("files/%d/path", i), "is empty")
		}
		errs = append(errs, checkSHA(fmt.Sprintf("files/%d/sha256", i), f.SHA256))
	}
	for i, name := range c.Inherit {
		if !variable(name) {
			wrong(fmt.Sprintf("inherit/%d", i), "%q is no name of an environment variable", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if !variable(name) || strings.ContainsRune(c.Env[name], 0) {
			wrong("env", "%q is no name of an environment variable, or its value has a NUL in it", name)
		}
	}
	return errors.Join(errs...)
}

func variable(name string) bool { return name != "" && !strings.ContainsAny(name, "=\x00") }

// resolve pins the files.
func (c PipeConfig) resolve() (PipeConfig, error) {
	c.Files = slices.Clone(c.Files)
	for i := range c.Files {
		if err := pin(c.Files[i].Path, &c.Files[i].SHA256); err != nil {
			return c, err
		}
	}
	return c, nil
}

// piped asks a program; see [pipe.Pool].
type piped struct {
	PipeConfig
	name, digest string
	program      *element.Share[*pipe.Pool]
}

// programs are those that run for the analyses of this process.
var programs element.Shared[*pipe.Pool]

// NewPipe makes the analysis, or says what is wrong with cfg. The first Analyse checks
// the files and starts the program, which all analyses of this process with the same
// name and parameters share; it ends when the last of them is closed.
func NewPipe(name string, cfg PipeConfig) (Analysis, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	content := cfg
	content.Processes, content.StartLimit, content.FrameLimit, content.Attempts = 0, 0, 0, 0
	digest, err := params.Digest("pipes", pipe.Version, content)
	if err != nil {
		return nil, err
	}
	return &piped{PipeConfig: cfg, name: name, digest: digest}, nil
}

func (a *piped) Name() string   { return a.name }
func (a *piped) Digest() string { return a.digest }

func (a *piped) Pixels() frame.Pixels {
	if a.Format == "encoded" {
		return frame.NoPixels
	}
	return grayOrColor(a.Format == "gray")
}

func (a *piped) Analyse(in pixels.Input, out *result.PerFrame) error {
	q, err := a.question(in)
	if err != nil {
		return err
	}
	if a.program == nil {
		if a.program, err = a.open(); err != nil {
			return err
		}
	}
	answer, err := a.program.Value.Ask(q)
	var failed *pipe.Failed
	switch {
	case errors.As(err, &failed):
		// Not why: that may differ from time to time; it is in the log.
		return &frame.Poison{Reason: frame.ReasonAnalysisFailed, Detail: fmt.Sprintf("%.150s gave no answer in %d attempts", a.name, a.Attempts)}
	case err != nil:
		return err
	}
	side, whole := image.Pt(q.Width, q.Height), image.Pt(in.Frame().Width, in.Frame().Height)
	var found placed
	for _, d := range answer.Detections {
		to := result.Detection{Analysis: a.name, Label: d.Label, Score: d.Score}
		if d.Area > 0 {
			to.Area = d.Area * float64(whole.X) / float64(side.X) * float64(whole.Y) / float64(side.Y)
		}
		// The numbers are finite, their sums need not be.
		const far = math.MaxFloat64
		if err := found.add(to, d.X, d.Y, min(max(d.X+d.Width, -far), far), min(max(d.Y+d.Height, -far), far), side, whole); err != nil {
			return fmt.Errorf("a box of %s: %w", a.name, err)
		}
	}
	strongest(found.all)
	out.Detections = append(out.Detections, found.all...)
	out.Dropped += found.dropped
	for _, f := range answer.Features {
		out.Features = append(out.Features, result.Feature{Analysis: a.name, Kind: f.Kind, Data: f.Data})
	}
	return nil
}

// question is the frame as the program gets it.
func (a *piped) question(in pixels.Input) (*pipe.Question, error) {
	f := in.Frame()
	q := &pipe.Question{Width: f.Width, Height: f.Height, Camera: f.Camera, Captured: f.Captured, Data: f.Data}
	if a.Format == "encoded" {
		switch {
		case f.Encoding == frame.JPEG:
			q.Format = pipe.JPEG
		case f.Encoding == frame.PNG:
			q.Format = pipe.PNG
		case f.Channels == 1:
			q.Format = pipe.Gray
		default:
			q.Format = pipe.BGR
		}
		return q, nil
	}
	gray := a.Format == "gray"
	q.Format = pipe.BGR
	if gray {
		q.Format = pipe.Gray
	}
	m, err := pixelsOf(in, gray)
	if err != nil {
		return nil, err
	}
	v := view(in, m, a.Resize)
	defer v.close()
	q.Width, q.Height, q.Data = v.Cols(), v.Rows(), v.ToBytes()
	return q, nil
}

// open checks the files and opens the pool, or gives the one that is open.
func (a *piped) open() (*element.Share[*pipe.Pool], error) {
	for _, f := range a.Files {
		if _, err := readPinned(f.Path, f.SHA256); err != nil {
			return nil, err
		}
	}
	spec := pipe.Spec{
		Name: a.name, Command: a.Command, Env: a.Env, Inherit: a.Inherit, Processes: a.Processes,
		StartLimit: time.Duration(a.StartLimit), FrameLimit: time.Duration(a.FrameLimit), Attempts: a.Attempts,
	}
	return programs.Acquire(fmt.Sprintf("%#v", spec), func() (*pipe.Pool, error) { return pipe.Open(spec) })
}

// Close lets go of the program.
func (a *piped) Close() error {
	if a.program == nil {
		return nil
	}
	p := a.program
	a.program = nil
	return p.Release()
}
