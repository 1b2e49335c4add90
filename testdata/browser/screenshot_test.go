package browser_test

import (
	"flag"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/testdata/browser"
)

var shots = flag.String("shots", "", "which `pictures` to make, with spaces between: name=file, or name=file#element to show; those with -phone in their name are of a phone, in the dark")

// What scripts/screenshots.sh asks for. A film is shown in its middle.
func TestScreenshotsOfPages(t *testing.T) {
	for _, shot := range strings.Fields(*shots) {
		name, file, _ := strings.Cut(shot, "=")
		file, element, _ := strings.Cut(file, "#")
		view := browser.Desktop
		if strings.Contains(name, "-phone") {
			view = browser.Phone
			view.Dark = true
		}
		film := strings.HasSuffix(file, ".mp4")
		if film {
			view = browser.View{Width: 640, Height: 480}
		}
		p := browser.Open(t, file, view)
		if film {
			browser.Eval[bool](p, `(async () => {
				const v = document.querySelector("video");
				v.pause();
				if (!v.readyState) await new Promise(r => v.addEventListener("loadedmetadata", r));
				await new Promise(r => { v.addEventListener("seeked", r, {once: true}); v.currentTime = v.duration / 2; });
				return true })()`)
		} else {
			p.Pictures()
			p.Accessible()
			p.Fits()
		}
		if element != "" {
			browser.Eval[bool](p, `(document.getElementById("`+element+`").scrollIntoView(), true)`)
		}
		p.Document(name)
	}
}
