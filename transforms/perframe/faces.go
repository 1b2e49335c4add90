package perframe

import (
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func init() {
	kind := func(name, doc string, named bool) {
		Register(Kind{
			Kind:    params.KindOf(name, doc, named, DefaultFaces()),
			Detects: true,
			Resolve: func(p params.Params) (params.Params, error) { return p.(FacesConfig).resolve() },
			Make:    func(name string, p params.Params) (Analysis, error) { return NewFaces(name, p.(FacesConfig)) },
		})
	}
	kind("faces", "faces, by a Haar or LBP cascade", false)
	kind("cascades", "what Haar or LBP cascades find, each named, for several of them", true)
}

// cascadeFolders are where OpenCV's own cascades lie: Debian's opencv-data, and an
// OpenCV of one's own.
var cascadeFolders = []string{
	"/usr/share/opencv4/haarcascades", "/usr/share/opencv4/lbpcascades",
	"/usr/local/share/opencv4/haarcascades", "/usr/local/share/opencv4/lbpcascades",
}

// FacesConfig are the parameters of faces and cascades; see [DefaultFaces].
type FacesConfig struct {
	Cascade    string  `json:"cascade" doc:"the name of one of OpenCV's cascades (Debian's opencv-data), such as lbpcascade_frontalface, or the path of an XML file"`
	SHA256     string  `json:"sha256" doc:"SHA-256 of the cascade's file, in hex; filled in where the job is described if the file is there"`
	Label      string  `json:"label" doc:"label of what is found; default face for cascades of faces, else the cascade's name"`
	Resize     int     `json:"resize" min:"0" max:"4096" doc:"pixels of the picture's longer side when it is looked at; 0: as it is"`
	Equalize   bool    `json:"equalize" doc:"stretch the picture's contrast first, by its histogram"`
	Scale      float64 `json:"scale" min:"1.01" max:"2" doc:"factor from one size to the next"`
	Neighbours int     `json:"neighbours" min:"0" max:"100" doc:"windows that must agree; 0 takes every window as it is"`
	MinSize    float64 `json:"min_size" min:"0" max:"1" doc:"least side of what is found, of the picture's shorter side; 0: what the cascade can find"`
	MaxSize    float64 `json:"max_size" min:"0" max:"1" doc:"greatest side of what is found, of the picture's shorter side; 1: any"`
	MinScore   float64 `json:"min_score" min:"0" max:"1" doc:"least score; that of n windows which agree is n/(1+n)"`
	Overlap    float64 `json:"overlap" min:"0" max:"1" doc:"share of what two boxes cover above which the weaker is dropped"`
}

// DefaultFaces are OpenCV's own parameters: sizes 1.1 apart, three neighbours, on the
// equalised picture, with the default cascade of frontal faces.
func DefaultFaces() FacesConfig {
	return FacesConfig{
		Cascade: "haarcascade_frontalface_default", Equalize: true, Scale: 1.1, Neighbours: 3, MaxSize: 1, Overlap: 0.5,
	}
}

// Validate returns every violation, joined.
func (c FacesConfig) Validate() error {
	errs := []error{params.Check(c), checkSHA("sha256", c.SHA256)}
	if c.Cascade == "" {
		errs = append(errs, params.Wrong("cascade", "is empty"))
	}
	if c.MinSize > c.MaxSize {
		errs = append(errs, params.Wrong("min_size", "%v is more than max_size, %v", c.MinSize, c.MaxSize))
	}
	return errors.Join(errs...)
}

// path is where the cascade lies; of one of OpenCV's, where it was found.
func (c FacesConfig) path() (string, error) {
	if strings.ContainsRune(c.Cascade, filepath.Separator) {
		return c.Cascade, nil
	}
	for _, dir := range cascadeFolders {
		path := filepath.Join(dir, strings.TrimSuffix(c.Cascade, ".xml")+".xml")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("cascade %q is not in %s (Debian's opencv-data has OpenCV's own; another needs a path)",
		c.Cascade, strings.Join(cascadeFolders, ", "))
}

// resolve pins the cascade, and finds out early whether it is one.
func (c FacesConfig) resolve() (FacesConfig, error) {
	if c.SHA256 != "" {
		return c, nil
	}
	path, err := c.path()
	if err != nil {
		return c, err
	}
	if err := pin(path, &c.SHA256); err != nil {
		return c, err
	}
	cascade, err := c.load()
	if err != nil {
		return c, err
	}
	return c, cascade.Close()
}

func (c FacesConfig) load() (*detectors.Cascade, error) {
	path, err := c.path()
	if err != nil {
		return nil, err
	}
	b, err := readPinned(path, c.SHA256)
	if err != nil {
		return nil, err
	}
	cascade, err := detectors.NewCascade(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cascade, nil
}

// label is what the configuration says, "face", or the cascade's name.
func (c FacesConfig) label() string {
	name := strings.TrimSuffix(filepath.Base(c.Cascade), ".xml")
	_, what, ok := strings.Cut(name, "cascade_")
	switch {
	case c.Label != "":
		return c.Label
	case ok && (strings.HasPrefix(what, "frontalface") || strings.HasPrefix(what, "profileface")):
		return "face"
	case ok:
		return what
	}
	return name
}

// faces finds what a cascade was trained for; see [detectors.Cascade].
type faces struct {
	FacesConfig
	name, digest string
	label        string
	cascade      *detectors.Cascade
}

// NewFaces makes the analysis, or says what is wrong with cfg. If cfg has no digest
// of the cascade's file, the file must be there; else it is read, and checked, by the
// first Analyse. The score of a box is n/(1+n) of the n windows that were joined to it.
func NewFaces(name string, cfg FacesConfig) (Analysis, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	label, content := cfg.label(), cfg
	content.Cascade, content.Label = "", label // where the file lies changes nothing
	digest, err := params.Digest("faces", 1, content)
	if err != nil {
		return nil, err
	}
	return &faces{FacesConfig: cfg, name: name, digest: digest, label: label}, nil
}

func (a *faces) Name() string         { return a.name }
func (a *faces) Digest() string       { return a.digest }
func (a *faces) Pixels() frame.Pixels { return frame.GrayPixels }

func (a *faces) Analyse(in pixels.Input, out *result.PerFrame) error {
	gray, err := in.Gray()
	if err != nil {
		return err
	}
	if a.cascade == nil {
		if a.cascade, err = a.load(); err != nil {
			return err
		}
	}
	v := view(in, gray, a.Resize)
	defer v.close()
	look := v.Mat
	if a.Equalize {
		look = gocv.NewMat()
		defer look.Close()
		gocv.EqualizeHist(v.Mat, &look)
	}
	least, most := a.sizes(v.whole)
	boxes, err := a.cascade.Detect(look, a.Scale, a.Neighbours, least, most)
	if err != nil {
		return err
	}
	out.Detections = append(out.Detections, found(a.name, a.label, boxes, v, a.MinScore, a.Overlap)...)
	return nil
}

// Regions may be small: the cost is that of the area.
func (a *faces) Regions(whole image.Point) (least image.Point, apart bool) {
	return whole.Div(8), true
}

// sizes are the limits of what is found in a picture of that size.
func (a *faces) sizes(size image.Point) (least, most image.Point) {
	side := float64(min(size.X, size.Y))
	if l := int(a.MinSize * side); l > 0 {
		least = image.Pt(l, l)
	}
	if a.MaxSize < 1 { // OpenCV takes no size for no limit
		m := max(1, int(a.MaxSize*side))
		most = image.Pt(m, m)
	}
	return least, most
}

// Close releases the cascade.
func (a *faces) Close() error {
	if a.cascade == nil {
		return nil
	}
	c := a.cascade
	a.cascade = nil
	return c.Close()
}
