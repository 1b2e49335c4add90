package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/history/page"
)

func kind(t *testing.T, script string) *page.Kind {
	t.Helper()
	k, err := page.New(page.Source{Name: "test", Content: `<h2 title="{{.}}">{{.}}</h2>`, Style: "h2 { margin: 0 }", Script: script})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAPageEscapesWhatItIsGiven(t *testing.T) {
	const hostile = `"><script>alert(1)</script>&`
	var b bytes.Buffer
	if err := kind(t, "let a = 1 < 2").Write(&b, page.Head{Title: hostile, Lead: hostile}, hostile); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "alert(1)</script>&") || strings.Contains(b.String(), "<script>alert") {
		t.Errorf("text became markup:\n%s", b.String())
	}
	if n := strings.Count(b.String(), "<script"); n != 1 {
		t.Errorf("%d scripts, want the page's own", n)
	}
}

func TestThePolicyAllowsThePagesOwnStyleAndScriptAndNothingElse(t *testing.T) {
	within := func(html, tag string) string {
		_, after, _ := strings.Cut(html, "<"+tag+">")
		text, _, _ := strings.Cut(after, "</"+tag+">")
		return text
	}
	for name, script := range map[string]string{"with a script": "document.title += ' < &'", "without": ""} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := kind(t, script).Write(&b, page.Head{Title: "t"}, ""); err != nil {
				t.Fatal(err)
			}
			m := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(b.String())
			if m == nil {
				t.Fatal("there is no policy")
			}
			got := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(m[1])
			digest := func(tag string) string {
				sum := sha256.Sum256([]byte(within(b.String(), tag)))
				return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
			}
			scripts := "'none'"
			if script != "" {
				scripts = digest("script")
			}
			want := "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src " + digest("style") + "; script-src " + scripts
			if got != want {
				t.Errorf("policy\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestPicturesAreKnownByTheirFirstBytes(t *testing.T) {
	for text, want := range map[string]string{
		"\xff\xd8\xff\xe0":             "data:image/jpeg;base64,",
		"\x89PNG\r\n\x1a\n":            "data:image/png;base64,",
		"RIFF\x00\x00\x00\x00WEBPVP8 ": "data:image/webp;base64,",
		"<svg onload=alert(1)>":        "",
		"":                             "",
	} {
		got, err := page.Image([]byte(text))
		if (err == nil) != (want != "") || !strings.HasPrefix(string(got), want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestNumbersAndTimesAreWrittenForPeople(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1\u202f000", -1234567: "\u22121\u202f234\u202f567"} {
		if got := page.Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	at := time.Date(2024, 5, 1, 8, 0, 3, 570_000_000, time.UTC)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{at, "2024-05-01 08:00:03.570 UTC"},
		{at.In(time.FixedZone("", 2*3600)), "2024-05-01 10:00:03.570 +02:00"},
		{time.Time{}, "unknown"},
	} {
		if got := page.At(c.at); got != c.want {
			t.Errorf("At = %q, want %q", got, c.want)
		}
	}
}

// Text is told from its ground by a contrast of 4.5, in the light and in the dark (WCAG 2.2, 1.4.3).
func TestColoursHaveEnoughContrast(t *testing.T) {
	css := string(page.Style())
	light, dark, _ := strings.Cut(css, "prefers-color-scheme: dark")
	for name, text := range map[string]string{"light": light, "dark": dark} {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]+);`).FindAllStringSubmatch(text, -1) {
			if _, twice := colours[m[1]]; !twice {
				colours[m[1]] = luminance(m[2])
			}
		}
		for _, pair := range [][2]string{
			{"ink", "ground"}, {"ink", "surface"}, {"ink", "sunk"}, {"quiet", "ground"}, {"quiet", "surface"}, {"quiet", "sunk"},
			{"accent", "ground"}, {"accent", "surface"}, {"on-accent", "accent"},
			{"before", "surface"}, {"before", "before-ground"}, {"after", "surface"}, {"after", "after-ground"},
			{"before", "ground"}, {"after", "ground"}, {"before", "sunk"}, {"after", "sunk"},
		} {
			a, okA := colours[pair[0]]
			b, okB := colours[pair[1]]
			if c := (max(a, b) + .05) / (min(a, b) + .05); !okA || !okB || c < 4.5 {
				t.Errorf("%s: %s on %s: contrast %.2f", name, pair[0], pair[1], c)
			}
		}
	}
}

// luminance is the relative luminance of #rgb or #rrggbb, as WCAG 2.2 defines it.
func luminance(hex string) float64 {
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	var sum float64
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			return math.NaN()
		}
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
