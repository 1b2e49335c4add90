package folder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/transforms/vision/models"
)

const networks = "../../transforms/perframe/testdata/"

func labels(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "labels.txt")
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnAddedNetworkIsListedAndWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]", "models")
	own := Own{File: networks + "cells_yolov8.onnx", Name: "yard", Kind: "yolov8", Size: "32x32", Labels: labels(t, "red\nblue\n"), Set: []string{"fit=stretch"}}
	if err := own.Check(); err != nil {
		t.Fatal(err)
	}
	name, content, err := own.Content()
	if err != nil || name != "yard" {
		t.Fatal(name, err)
	}
	path, err := Put(dir, name, content)
	if err != nil {
		t.Fatal(err)
	}
	find := func() Entry {
		t.Helper()
		all, err := List([]string{dir, filepath.Join(dir, "none")})
		if err != nil || len(all) != len(models.Known())+1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[len(all)-1]
	}
	if e := find(); e.Name != "yard" || e.Path != path || e.Wrong != "" || e.SHA256 != models.SHA256(content) {
		t.Errorf("%+v", e)
	}
	content[len(content)/2] ^= 1
	if _, err := Put(dir, name, content); err != nil {
		t.Fatal(err)
	}
	if e := find(); !strings.Contains(e.Wrong, "not as it was written") {
		t.Errorf("damaged: %+v", e)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}

	// One of the catalogue that has other bytes.
	if _, err := Put(dir, models.Faces, []byte("a")); err != nil {
		t.Fatal(err)
	}
	m, _ := models.Get(models.Faces)
	if Has(dir, m) {
		t.Error("the folder has what it has not")
	}
	all, err := List([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Text(&b, all); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{models.Objects + ": not there", models.Faces + ": DAMAGED: its SHA-256", "license   MIT", "yard: DAMAGED"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestANetworkThatIsNotWhatIsSaidIsRefused(t *testing.T) {
	good := Own{File: networks + "cells_yolov8.onnx", Kind: "yolov8", Size: "32x32"}
	for _, c := range []struct {
		name   string
		change func(*Own)
		early  bool // without looking at files
		want   string
	}{
		{"the name of the file", func(*Own) {}, false, ""},
		{"an unknown kind", func(o *Own) { o.Kind = "rcnn" }, true, "--kind=rcnn: not ssd, yolov5, yolov8, yolox, classifier"},
		{"a name that is none", func(o *Own) { o.Name = "../a" }, true, "is no name of a model"},
		{"a name of the catalogue", func(o *Own) { o.Name = models.Faces }, true, "is a model of the catalogue"},
		{"a size that is none", func(o *Own) { o.Size = "32" }, true, "not a size such as 640x640"},
		{"an unknown parameter", func(o *Own) { o.Set = []string{"widht=3"} }, true, "widht"},
		{"a parameter out of its bounds", func(o *Own) { o.Set = []string{"bars=256"} }, true, "not 0 to 255"},
		{"another kind", func(o *Own) { o.Kind = "ssd" }, false, "that of ssd is [1,1,N,7]"},
		{"another number of labels", func(o *Own) { o.Labels = labels(t, "one\ntwo\nthree\n") }, false, "that of yolov8 is [1,4+3,N]"},
		{"yolox of another size", func(o *Own) { o.File, o.Kind = networks+"cells_yolov5.onnx", "yolox" }, false, "that of yolox is [1,21,5+C]"},
		{"no such file", func(o *Own) { o.File = "none.onnx" }, false, "none.onnx: no such file"},
		{"no network", func(o *Own) { o.File = labels(t, "a") }, false, "not an ONNX file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good
			c.change(&o)
			err := o.Check()
			if (err != nil) != c.early {
				t.Fatalf("at once: %v", err)
			}
			if err == nil {
				_, _, err = o.Content()
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestEachKindHasTheInputThatIsCommon(t *testing.T) {
	for _, c := range []struct{ kind, file, size string }{
		{"yolov5", "cells_yolov5.onnx", "32x32"}, {"yolov8", "cells_yolov8.onnx", "32x32"}, {"ssd", "cells_ssd.onnx", "32x32"}, {"classifier", "color.onnx", ""},
	} {
		if _, _, err := (Own{File: networks + c.file, Kind: c.kind, Size: c.size}).Content(); err != nil {
			t.Errorf("%s: %v", c.kind, err)
		}
	}
}
