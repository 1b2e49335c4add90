package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/history/page"
	"github.com/framebeam/framebeam/transforms/config/params"
)

var (
	//go:embed report.html
	content string
	//go:embed report.css
	style string
	//go:embed report.js
	script string
)

// kind is the report as a page.
var kind = page.Must(page.Source{Name: "report", Content: content, Style: style, Script: script})

// HTML writes the report as one file.
func (r *Report) HTML(w io.Writer) error {
	v, err := r.view()
	if err != nil {
		return err
	}
	return kind.Write(w, page.Head{Title: r.title(), Lead: r.verdict()}, v)
}

// view is what the template is given.
type view struct {
	Sum         backtest.Count
	Before      string
	After       string
	Asked       string
	Period      string
	Cameras     string
	Frames      string
	Exact       bool
	Exactness   string
	Bounds      []string
	Notes       []string
	Computed    []string
	Taken       []string
	Rows        []rowView
	MoreRows    int
	Detected    []backtest.Detected
	MoreFound   int // rows of Detected that are left out
	Timelines   []timelineView
	MoreCameras int
	Groups      []groupView
	Left        string // what of the differences is not on the page
	Filter      filterView
}

type rowView struct {
	backtest.Total
	Change string
	Group  int // its number; 0: no differences of it are shown
}

type filterView struct {
	Cameras, Analyses, Kinds []string
	Shown                    int
}

type groupView struct {
	Number   int
	Camera   string
	Analysis string
	Type     string
	Count    backtest.Count
	Left     string
	Items    []itemView
}

type itemView struct {
	Number        int
	Kind          backtest.Kind
	Camera        string
	Analysis      string
	Clock, Stamp  string // for people, and for machines
	What          string
	Difference    string
	Place         string
	Before, After sideView
	Pictures      bool   // there is one at least
	Why           string // a picture is missing
}

type sideView struct {
	Name          string // "Before", "After"
	Class         string
	Says          string
	Image         template.URL
	Width, Height int
	Alt           string
	Why           string
}

func (r *Report) view() (*view, error) {
	v := &view{
		Sum: r.Sum, Before: r.Before.Name, After: r.After.Name, Asked: r.asked(), Period: r.period(),
		Cameras: cameras(r.Cameras, 0), Frames: r.frames(), Exact: r.Exact, Exactness: r.exactness(), Bounds: r.Bounds, Notes: r.notes(),
		Computed: works(r.Computed), Taken: works(r.Taken), MoreCameras: r.moreCameras,
	}
	numbers := map[groupKey]int{}
	for i, g := range r.groups {
		gv := groupView{Number: i + 1, Camera: g.camera, Analysis: g.analysis, Type: g.eventType, Count: g.Count}
		numbers[g.groupKey] = gv.Number
		if more := g.Differs() - int64(len(g.shown)); more > 0 {
			gv.Left = fmt.Sprintf("The first %s of %s; the others are left out.",
				page.Count(len(g.shown)), page.Plural(int(g.Differs()), "difference", "differences"))
		}
		for _, s := range g.shown {
			item, err := r.item(s)
			if err != nil {
				return nil, err
			}
			gv.Items = append(gv.Items, item)
			v.Filter.add(&item)
		}
		v.Groups = append(v.Groups, gv)
	}
	for _, t := range r.totals {
		if len(v.Rows) == maxRows {
			break
		}
		row := rowView{Total: t, Change: change(t.Count)}
		if t.Differs() > 0 {
			row.Group = numbers[keyOf(t.Key)]
		}
		v.Rows = append(v.Rows, row)
	}
	v.MoreRows = len(r.totals) - len(v.Rows)
	v.Detected = r.detected[:min(len(r.detected), maxRows)]
	v.MoreFound = len(r.detected) - len(v.Detected)
	v.Timelines = r.timelines()
	if all := int(r.Differences()); v.Filter.Shown < all {
		v.Left = fmt.Sprintf("Shown here: %s of %s.", page.Count(v.Filter.Shown), page.Plural(all, "difference", "differences"))
		if r.ungrouped > 0 {
			v.Left += fmt.Sprintf(" Of %s that differ less, with %s, none are shown.",
				page.Plural(int(r.ungrouped), "rule", "rules"), page.Plural(int(r.ungroupedDifferences), "difference", "differences"))
		}
	}
	return v, nil
}

// frames says how many frames were compared, and how many of them decoded.
func (r *Report) frames() string {
	s := page.Plural(int(r.Frames), "frame", "frames")
	if r.Decoded == 0 {
		return s + ", of which no picture was decoded"
	}
	return s + ", of which " + page.Count(r.Decoded) + " were decoded"
}

func (f *filterView) add(i *itemView) {
	once := func(list []string, s string) []string {
		if slices.Contains(list, s) {
			return list
		}
		return append(list, s)
	}
	f.Cameras, f.Analyses, f.Kinds = once(f.Cameras, i.Camera), once(f.Analyses, i.Analysis), once(f.Kinds, string(i.Kind))
	f.Shown++
}

func (r *Report) item(s *shown) (itemView, error) {
	happens, at := s.Happens(), s.Captured()
	item := itemView{
		Number: s.number, Kind: s.Kind, Camera: s.Camera, Analysis: s.Analysis, Clock: r.clock(at), Stamp: at.Format("2006-01-02T15:04:05.000Z"),
		What: what(happens.Event), Difference: difference(s.Difference), Place: place(&happens.Frame),
	}
	var err error
	if item.Before, err = r.side(&r.Before, "Before", s, &s.before, &s.Difference.Before); err != nil {
		return item, err
	}
	item.After, err = r.side(&r.After, "After", s, &s.after, &s.Difference.After)
	item.Pictures = s.before.drawn() || s.after.drawn()
	item.Why = cmp.Or(s.before.why, s.after.why)
	return item, err
}

// side is what one side shows of a difference.
func (r *Report) side(side *backtest.Side, name string, s *shown, drawn *sight, m *backtest.Moment) (v sideView, err error) {
	v = sideView{Name: name, Class: strings.ToLower(name), Width: drawn.width, Height: drawn.height, Why: drawn.why}
	switch has := slices.ContainsFunc(side.Configs[m.Frame.Config].Analyses, func(p params.Spec) bool { return p.Name == s.Analysis }); {
	case m.Event != nil:
		v.Says = strings.TrimSpace(cmp.Or(what(m.Event), "happens"))
	case !has && len(side.Configs[m.Frame.Config].Analyses) > 0:
		v.Says = "there is no " + s.Analysis
	default:
		v.Says = "does not happen"
	}
	if s.Kind == backtest.Moved {
		v.Says += " at " + r.clock(time.UnixMicro(m.Frame.Captured))
	}
	if drawn.jpeg == nil {
		return v, nil
	}
	objects := 0
	for _, d := range m.Frame.Detections {
		if d.Track != 0 {
			objects++
		}
	}
	v.Alt = fmt.Sprintf("%s: camera %s at %s with %s; %s %s", name, s.Camera, r.clock(time.UnixMicro(m.Frame.Captured)),
		page.Plural(objects, "tracked object", "tracked objects"), s.Analysis, v.Says)
	v.Image, err = page.Image(drawn.jpeg)
	return v, err
}
