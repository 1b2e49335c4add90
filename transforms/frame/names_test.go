package frame

import (
	"testing"
	"time"
)

func TestOnlyAFramesRecordIsNumbered(t *testing.T) {
	f := Frame{Camera: "gate", Epoch: "file-1", Sequence: 17, Captured: time.UnixMilli(5), Width: 1, Height: 1, Encoding: JPEG}
	good := f.CloudEvent()
	if epoch, sequence, ok := good.Numbered(); !ok || epoch != "file-1" || sequence != 17 {
		t.Error(epoch, sequence, ok)
	}
	for name, change := range map[string]func(*Record){
		"no headers":        func(r *Record) { r.Headers = nil },
		"another type":      func(r *Record) { r.Headers[3].Value = []byte("com.example") },
		"another camera":    func(r *Record) { r.Key = []byte("yard") },
		"no camera":         func(r *Record) { r.Key = nil },
		"a negative number": func(r *Record) { r.Headers[5].Value = []byte("-1"); r.Headers[1].Value = []byte("gate/file-1/-1") },
		"no number":         func(r *Record) { r.Headers[5].Value = nil },
		"another epoch":     func(r *Record) { r.Headers[6].Value = []byte("file-2") },
	} {
		r := f.CloudEvent()
		if change(&r); true {
			if _, _, ok := r.Numbered(); ok {
				t.Errorf("%s: it is numbered", name)
			}
		}
	}
}
