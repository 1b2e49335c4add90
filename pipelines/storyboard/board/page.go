package board

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/history/page"
	"github.com/framebeam/framebeam/pipelines/storyboard/nodes"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
)

//go:embed page.html
var content string

//go:embed page.css
var style string

var kind = page.Must(page.Source{Name: "storyboard", Content: content, Style: style})

// view is what the page's template is given.
type view struct {
	Cameras                []cameraView
	Scenes, Omitted        int
	Shots, Tracks          int
	Span                   string
	Edges, GivenUp         int64
	Missed, Again, Suggest int
	From, To               string
}

type cameraView struct {
	Name   string
	ID     string
	Bar    []barView
	Begins string
	Ends   string
	Scenes []sceneView
}

// barView is a scene on the line of a camera's time, of a thousand.
type barView struct {
	X, Width float64
	Class    string
	Number   int
	Title    string
}

type sceneView struct {
	Number   int
	Class    string
	Letter   string // of scenes that are seen again
	Wide     bool   // takes the whole width
	Heading  string
	Length   string
	Shots    int
	Pictures []pictureView
	Happened []string
	Events   []eventView
	Again    []againView
	Pairs    []pairView
}

type pictureView struct {
	Image         template.URL
	Width, Height int
	Why, Alt      string
	At, Name      string
	Share         int // of the highest rank in the scene, percent
}

type eventView struct{ At, What string }

type againView struct {
	Number int
	At     string
	Camera string // "" if it is the same
	Score  string
}

type pairView struct {
	Label, Score  string
	Before, After objectView
}

type objectView struct {
	pictureView
	When string
}

// classes are how many colours there are for scenes that are seen again.
const classes = 8

// page makes the page.
func (j *Job) page(ctx context.Context, out *output.Output, all []ranked, pairs []pair, done *Done) (err error) {
	made, err := j.settings(out)
	if err != nil {
		return err
	}
	t, err := openThumbnails(ctx, j.Log, made.Parse)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.frames.Close()) }()

	scenes := scenesOf(all, j.Every)
	shown := fit(scenes, j.Pictures)
	relate(shown)
	suggest(shown, all, pairs)
	var wanted []*ranked
	for _, s := range shown {
		for i := range s.shown {
			wanted = append(wanted, &s.shown[i])
		}
		for _, p := range s.pairs {
			wanted = append(wanted, p.before, p.after)
		}
	}
	if err := t.fetch(ctx, wanted); err != nil {
		return err
	}
	v := j.view(shown, all, t)
	v.Omitted, v.Edges, v.GivenUp, v.Missed = len(scenes)-len(shown), done.Stats.Edges, done.Stats.GivenUp, t.missed
	head := page.Head{Title: "Storyboard", Lead: fmt.Sprintf("%s, %s to %s.", page.Plural(len(scenes), "scene", "scenes"), v.From, v.To)}
	if len(v.Cameras) == 1 {
		head.Title += " of " + v.Cameras[0].Name
	}
	done.Scenes, done.Shown, done.Pictures, done.Missed = len(scenes), len(shown), len(t.made)-t.missed, t.missed
	return writeFile(j.Page, func(w io.Writer) error { return kind.Write(w, head, v) })
}

// view is what the page shows.
func (j *Job) view(scenes []*scene, all []ranked, t *thumbnails) view {
	zone := j.Period.Location()
	v := view{Scenes: len(scenes)}
	for i := range all {
		if all[i].Kind == nodes.Track {
			v.Tracks++
		} else {
			v.Shots++
		}
	}
	if len(scenes) == 0 {
		return v
	}
	from := slices.MinFunc(scenes, func(a, b *scene) int { return cmp.Compare(a.from, b.from) }).from
	to := slices.MaxFunc(scenes, func(a, b *scene) int { return cmp.Compare(a.to, b.to) }).to
	v.From, v.To, v.Span = page.At(when(from, zone)), page.At(when(to, zone)), length(to-from)
	classOf, letterOf := colours(scenes)
	var clock string
	for i, s := range scenes {
		if n := len(v.Cameras); n == 0 || v.Cameras[n-1].Name != s.camera {
			// A line of time of its own: a film is some hours, a camera's day begins elsewhere.
			from, to = s.from, s.to
			for _, o := range scenes[i:] {
				if o.camera == s.camera {
					from, to = min(from, o.from), max(to, o.to)
				}
			}
			clock = clockOf(from, to)
			v.Cameras = append(v.Cameras, cameraView{
				Name: s.camera, ID: fmt.Sprintf("camera-%d", n+1), Begins: when(from, zone).Format(clock), Ends: when(to, zone).Format(clock),
			})
		}
		c := &v.Cameras[len(v.Cameras)-1]
		sv := sceneView{
			Number: s.number, Class: classOf[s.component], Letter: letterOf[s.component],
			Wide: len(s.shown) > 2 || len(s.pairs) > 0, Heading: when(s.from, zone).Format(clock), Length: length(s.to - s.from), Shots: len(s.shots),
			Happened: happenedIn(s.counts),
		}
		c.Bar = append(c.Bar, barView{
			X: 1000 * float64(s.from-from) / float64(max(1, to-from)), Width: max(2, 1000*float64(s.to-s.from)/float64(max(1, to-from))-1),
			Class: sv.Class, Number: s.number, Title: fmt.Sprintf("scene %d, %s, %s", s.number, sv.Heading, sv.Length),
		})
		top := s.best().rank
		for i := range s.shown {
			n := &s.shown[i]
			p := t.view(n, when(n.Frame.Captured, zone).Format(clock))
			p.Alt = fmt.Sprintf("Camera %s at %s", n.Camera, p.At)
			p.Share = int(100 * float64(n.rank) / float64(max(1, top)))
			sv.Pictures = append(sv.Pictures, p)
		}
		for _, e := range s.events {
			sv.Events = append(sv.Events, eventView{when(e.At, zone).Format(clock), words(e.What)})
		}
		for _, a := range s.again {
			link := againView{Number: a.scene.number, At: when(a.scene.from, zone).Format(clock), Score: fmt.Sprintf("%.2f", a.score)}
			if a.scene.camera != s.camera {
				link.Camera = a.scene.camera
			}
			sv.Again = append(sv.Again, link)
			v.Again++
		}
		for _, p := range s.pairs {
			object := func(n *ranked, alt string) objectView {
				o := objectView{
					pictureView: t.view(n, when(n.Frame.Captured, zone).Format(clock)),
					When:        when(n.From, zone).Format(clock) + " to " + when(n.To, zone).Format(clock),
				}
				o.Alt = alt + " " + cmp.Or(n.Label, "object") + " at " + o.At
				return o
			}
			sv.Pairs = append(sv.Pairs, pairView{
				Label: cmp.Or(p.after.Label, "object"), Score: fmt.Sprintf("%.2f", p.score),
				Before: object(p.before, "The earlier"), After: object(p.after, "The later"),
			})
			v.Suggest++
		}
		c.Scenes = append(c.Scenes, sv)
	}
	return v
}

func (t *thumbnails) view(n *ranked, at string) pictureView {
	made := t.made[n.ID]
	p := pictureView{Width: made.width, Height: made.height, Why: made.why, At: at, Name: n.Name()}
	if made.why == "" {
		url, err := page.Image(made.data)
		if err != nil {
			p.Why = err.Error()
		}
		p.Image = url
	}
	return p
}

// colours are the classes and letters of components that more than one scene shows.
func colours(scenes []*scene) (class, letter map[int64]string) {
	times := map[int64]int{}
	for _, s := range scenes {
		times[s.component]++
	}
	class, letter = map[int64]string{}, map[int64]string{}
	n := 0
	for _, s := range scenes {
		if _, has := class[s.component]; has {
			continue
		}
		class[s.component] = "once"
		if times[s.component] > 1 {
			class[s.component] = fmt.Sprintf("c%d", n%classes)
			letter[s.component] = name(n)
			n++
		}
	}
	return class, letter
}

// name is A to Z, then AA, AB and so on.
func name(n int) string {
	if n < 26 {
		return string(rune('A' + n))
	}
	return name(n/26-1) + string(rune('A'+n%26))
}

func when(us int64, zone *time.Location) time.Time { return time.UnixMicro(us).In(zone) }

// clockOf is how moments are written so that they differ: with the date if there are several
// days, and with milliseconds if there are only minutes.
func clockOf(from, to int64) string {
	switch d := time.Duration(to-from) * time.Microsecond; {
	case d > 24*time.Hour:
		return "Mon 2 Jan 15:04:05"
	case d > 10*time.Minute:
		return "15:04:05"
	}
	return "15:04:05.0"
}

// length is a duration for people.
func length(us int64) string {
	d := time.Duration(us) * time.Microsecond
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// plainly says what types of events are for people.
var plainly = map[string]string{
	result.EventLineCrossed: "crossed", result.EventObjectsInside: "inside", result.EventLoitering: "loitering",
	result.EventMotion: "motion", result.EventSceneChange: "the view changed", result.EventTooDark: "too dark",
	result.EventTooBright: "too bright", result.EventTooBlurry: "too blurry", result.EventSignalLoss: "signal lost",
	result.EventFrozen: "picture frozen", result.EventCovered: "camera covered", result.EventFade: "fade to black",
	result.EventMissingRate: "frames often missing", result.EventMotionSkipped: "motion not looked for",
}

// words say what happened: "person crossed gate, forward".
func words(w nodes.What) string {
	text := strings.Join(strings.Fields(w.Label+" "+cmp.Or(plainly[w.Type], w.Type)+" "+w.Rule), " ")
	if w.Transition != "" {
		text += ", " + w.Transition
	}
	return text
}

func happenedIn(counts []nodes.Count) []string {
	counts = slices.Clone(counts)
	slices.SortStableFunc(counts, func(a, b nodes.Count) int { return cmp.Compare(b.Times, a.Times) })
	var list []string
	for _, c := range counts[:min(len(counts), mostListed)] {
		list = append(list, fmt.Sprintf("%s × %s", words(c.What), page.Count(c.Times)))
	}
	return list
}
