package clip

import (
	"math"
	"testing"

	"github.com/framebeam/framebeam/testdata/browser"
)

func TestABrowserPlaysAClip(t *testing.T) {
	browser.Skip(t)
	shots := steady("gate", 30)
	for i := range shots { // not at a steady rate
		shots[i].ms += i % 3 * 20
		shots[i].w, shots[i].h = 320, 240
	}
	l, out := logged(t, shots)
	made, err := write(t, open(t, l, out), between("gate", 500, 2000), Form{Boxes: true}, "a.mp4")
	if err != nil {
		t.Fatal(err)
	}
	p := browser.Open(t, made.File, browser.Desktop)
	type played struct {
		Error          string
		Ended          bool
		Duration, At   float64
		Width, Height  int
		Frames, Broken int
	}
	got := browser.Eval[played](p, `(async () => {
		const v = document.querySelector("video");
		v.muted = true;
		v.pause();
		v.currentTime = 0;
		const over = new Promise((done, failed) => {
			v.addEventListener("ended", done);
			v.addEventListener("error", () => failed(v.error.message));
		});
		let error = "";
		try { await v.play(); await over; } catch (e) { error = String(e); }
		const q = v.getVideoPlaybackQuality();
		return {Error: error, Ended: v.ended, Duration: v.duration, At: v.currentTime, Width: v.videoWidth, Height: v.videoHeight,
			Frames: q.totalVideoFrames, Broken: q.corruptedVideoFrames || 0};
	})()`)
	if got.Error != "" || !got.Ended || got.Width != 320 || got.Height != 240 || got.Broken != 0 {
		t.Errorf("the browser says %+v", got)
	}
	if want := made.Length.Seconds(); math.Abs(got.Duration-want) > .01 || math.Abs(got.At-want) > .01 {
		t.Errorf("it lasts %v s and ends at %v s, want %v s", got.Duration, got.At, want)
	}
	if got.Frames < made.Frames {
		t.Errorf("%d pictures were played of %d", got.Frames, made.Frames)
	}
}
