package folder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/vision/models"
)

// mostOwn bounds the file of a network.
const mostOwn = 1 << 30

// Kinds are the kinds of networks that can be added.
var Kinds = []string{"ssd", "yolov5", "yolov8", "yolox", "classifier"}

// Own is a network of the user's, and how it is used.
type Own struct {
	File   string // an ONNX file
	Name   string // "": that of the file
	Kind   string // of Kinds
	Labels string // a file with the label of a class in each line, from class 0 on; "": there is none
	Size   string // of the input, 640x640; "": that of the kind
	// Set are parameters of the analysis networks that differ from those of the kind,
	// "scale=1".
	Set []string
}

// Check returns everything that is wrong with it, without looking at files.
func (o Own) Check() error {
	_, err := o.config(nil)
	return errors.Join(models.CheckName(o.name()), o.notOfTheCatalogue(), err)
}

func (o Own) name() string {
	if o.Name != "" {
		return o.Name
	}
	return strings.ToLower(strings.TrimSuffix(filepath.Base(o.File), filepath.Ext(o.File)))
}

func (o Own) notOfTheCatalogue() error {
	if _, ok := models.Get(o.name()); ok {
		return fmt.Errorf("%s is a model of the catalogue: --name gives yours another", o.name())
	}
	return nil
}

// config is how networks of the kind are commonly exported, with what is said to differ.
func (o Own) config(classes []string) (perframe.NetworkConfig, error) {
	c := perframe.DefaultNetwork()
	c.Model, c.Output, c.Classes = "of the folder", o.Kind, classes
	switch o.Kind {
	case "yolov5", "yolov8":
	case "yolox":
		c.Fit, c.SwapRB, c.Scale = "corner", false, 1
	case "ssd":
		c.Width, c.Height, c.Fit, c.Scale, c.Mean = 300, 300, "stretch", 1/127.5, []float64{127.5}
	case "classifier": // the means and deviations of ImageNet
		c.Output, c.Softmax, c.Fit, c.Width, c.Height, c.Scale = "classify", true, "stretch", 224, 224, 1
		c.Mean, c.Std = []float64{123.675, 116.28, 103.53}, []float64{58.395, 57.12, 57.375}
	default:
		return c, fmt.Errorf("--kind=%s: not %s", o.Kind, strings.Join(Kinds, ", "))
	}
	if o.Size != "" {
		w, h, _ := strings.Cut(o.Size, "x")
		var err1, err2 error
		c.Width, err1 = strconv.Atoi(w)
		c.Height, err2 = strconv.Atoi(h)
		if err1 != nil || err2 != nil {
			return c, fmt.Errorf("--size=%s: not a size such as 640x640", o.Size)
		}
	}
	for _, s := range o.Set {
		name, value, _ := strings.Cut(s, "=")
		if !json.Valid([]byte(value)) {
			value = strconv.Quote(value)
		}
		raw, err := json.Marshal(map[string]json.RawMessage{name: json.RawMessage(value)})
		if err == nil {
			err = params.Decode(raw, &c)
		}
		if err != nil {
			return c, fmt.Errorf("--set=%s: %w", s, err)
		}
	}
	return c, c.Validate()
}

// Content is what the model's file has: the network, and how it is used. It was tried on a black
// picture.
func (o Own) Content() (name string, content []byte, err error) {
	var classes []string
	if o.Labels != "" {
		b, err := os.ReadFile(o.Labels)
		if err != nil {
			return "", nil, err
		}
		for line := range strings.Lines(string(b)) {
			classes = append(classes, strings.TrimSpace(line))
		}
	}
	c, err := o.config(classes)
	if err != nil {
		return "", nil, err
	}
	f, err := os.Open(o.File)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	onnx, err := io.ReadAll(io.LimitReader(f, mostOwn+1))
	if err != nil {
		return "", nil, err
	}
	if len(onnx) > mostOwn {
		return "", nil, fmt.Errorf("%s has more than %d bytes", o.File, mostOwn)
	}
	if content, err = perframe.Described(onnx, c); err != nil {
		return "", nil, fmt.Errorf("%s: %w", o.File, err)
	}
	return o.name(), content, nil
}
