package listing

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/testdata/goldenfile"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

const n = 4 // offsets per chunk

// small is an output of a complete chunk with everything that a result can say,
// and of the beginning of the next.
func small(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.Open(t.Context(), folder, output.OpenConfig{N: n, ConfigDigest: "digest"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Begin(t.Context(), chunk.Partition{Topic: "frames"}, 0); err != nil {
		t.Fatal(err)
	}
	w, err := output.OpenWriter(t.Context(), out.Spec())
	if err != nil {
		t.Fatal(err)
	}
	const second = 1_000_000
	begin := int64(1714550400 * second) // 2024-05-01T08:00:00Z
	row := func(offset int64, camera string, sequence int64) result.Frame {
		at := begin + sequence*second/10
		return result.Frame{
			Topic: "frames", Offset: offset, Timestamp: at / 1000, Camera: camera, Epoch: "e1", Sequence: sequence, Captured: at,
			Width: 640, Height: 480, Encoding: string(frame.JPEG), Bytes: 50_000, Status: result.OK,
			Quality: &result.Quality{Brightness: 100 + float64(sequence), Contrast: 40, Sharpness: 250.5},
		}
	}
	rows := []result.Frame{row(0, "gate", 0), row(1, "yard", 0), row(2, "gate", 1), row(3, "gate", 1), row(4, "yard", 1), row(5, "", -1)}
	rows[0].Events = []result.Event{{Analysis: "sequence", Type: "EpochStarted", Detail: "epoch e1"}}
	rows[2].Detections = []result.Detection{
		{Analysis: "motion", Label: "motion", X: 10, Y: 20, Width: 30, Height: 40, Area: 611.5, Score: 1},
		{Analysis: "motion", Label: "motion", X: 100, Y: 20, Width: 8, Height: 9, Area: 55, Score: 1},
	}
	rows[3].Status, rows[3].Quality = result.Repeat, nil
	rows[5] = result.Frame{Topic: "frames", Offset: 5, Timestamp: begin/1000 + 250, Sequence: -1, Bytes: 12}
	rows[5].Kill(&frame.Poison{Reason: frame.ReasonNoKey, Detail: "the record has no key"})

	id := chunk.ID{Partition: chunk.Partition{Topic: "frames"}}
	end := chunk.End{ID: id, N: n, Offsets: chunk.Span(0, n), Owed: []string{"gate", "yard"}}
	states := []element.State{{Camera: "gate", Position: chunk.EndPosition(0, n)}, {Camera: "yard", Position: chunk.EndPosition(0, n)}}
	if _, err := w.Commit(t.Context(), end, rows[:n], states, nil); err != nil {
		t.Fatal(err)
	}
	id.Index = 1
	tail := chunk.End{ID: id, N: n, Partial: true, UpTo: 6, Offsets: chunk.Span(n, 6)}
	if _, err := w.CommitPartial(t.Context(), tail, rows[n:], nil); err != nil {
		t.Fatal(err)
	}
	return root
}

func shown(t *testing.T, q Query) string {
	t.Helper()
	var b bytes.Buffer
	if err := q.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAnOutputIsShownInEachFormat(t *testing.T) {
	root := small(t)
	for _, format := range Formats {
		t.Run(format, func(t *testing.T) {
			got := shown(t, Query{Output: root, Format: format})
			goldenfile.Equal(t, "small."+format, got)
		})
	}
}

func TestOnlyWhatIsAskedForIsShown(t *testing.T) {
	root := small(t)
	for _, c := range []struct {
		name string
		q    Query
		want []string // topic/partition@offset
	}{
		{"everything", Query{}, []string{"@0", "@1", "@2", "@3", "@4", "@5"}},
		{"one camera", Query{Cameras: []string{"yard"}}, []string{"@1", "@4"}},
		{"frames with detections or events", Query{Found: true}, []string{"@0", "@2"}},
		{"dead letters", Query{Dead: true}, []string{"@5"}},
		{"one camera's detections", Query{Cameras: []string{"yard"}, Found: true}, nil},
		{"two cameras", Query{Cameras: []string{"yard", "gate"}}, []string{"@0", "@1", "@2", "@3", "@4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.Output, c.q.Format = root, "text"
			var got []string
			for line := range strings.Lines(shown(t, c.q)) {
				_, after, _ := strings.Cut(line, " frames/0")
				offset, _, _ := strings.Cut(after, " ")
				got = append(got, offset)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACameraThatIsNotThereIsToldWithThoseThatAre(t *testing.T) {
	root := small(t)
	for camera, want := range map[string]string{
		"gate":  "",
		"gaet":  `--camera=gaet: the output has no result of this camera (there are: gate, yard); did you mean "gate"?`,
		"attic": "--camera=attic: the output has no result of this camera (there are: gate, yard)",
	} {
		for _, format := range Formats {
			q := Query{Output: root, Cameras: []string{camera}, Format: format}
			if err := q.Write(t.Context(), io.Discard); (err == nil) != (want == "") || err != nil && err.Error() != want {
				t.Errorf("%s: %v", format, err)
			}
		}
	}
}

func TestASummaryOfWhatWasFoundCountsAllFrames(t *testing.T) {
	root := small(t)
	for _, c := range []struct {
		q    Query
		want [][2]string // camera and frames
	}{
		{Query{}, [][2]string{{"-", "1"}, {"gate", "3"}, {"yard", "2"}}},
		{Query{Found: true}, [][2]string{{"gate", "3"}}},
		{Query{Dead: true}, [][2]string{{"-", "1"}}},
		{Query{Found: true, Cameras: []string{"yard"}}, nil},
	} {
		c.q.Output, c.q.Format = root, "summary"
		var got [][2]string
		for _, line := range strings.Split(strings.TrimSpace(shown(t, c.q)), "\n")[1:] {
			fields := strings.Fields(line)
			got = append(got, [2]string{fields[0], fields[1]})
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v: %s", c.q, diff)
		}
	}
}

func TestTheConfigOfARowIsShownBesideTheDigestOfItsGeneration(t *testing.T) {
	cfg, err := profiles.Parse("a.yaml", []byte("cameras:\n  - match: gate\n    motion: false\n"))
	if err != nil {
		t.Fatal(err)
	}
	st, err := cfg.Stages()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := showConfigs(&b, []output.Generation{{Number: 1, ConfigDigest: st.Digest, Config: st.Text}, {Number: 2, ConfigDigest: "d", Config: "by hand"}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{st.Digest, st.PerFrame.Profiles[0].Digest, st.PerFrame.Profiles[1].Digest, "gate", "(all others)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if got := shown(t, Query{Output: small(t), Format: "text", Configs: true}); !strings.Contains(got, "digest") {
		t.Errorf("got %s", got)
	}
}

func TestAFolderThatIsNoOutputIsAnError(t *testing.T) {
	root := filepath.Join(t.TempDir(), "nothing")
	err := (&Query{Output: root, Format: "text"}).Write(t.Context(), io.Discard)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), root+" is no output folder") {
		t.Errorf("error %v", err)
	}
}

func TestEverythingWrongIsListed(t *testing.T) {
	q := Query{Cameras: []string{"a/b"}, Format: "xml"}
	err := q.Check()
	for _, want := range []string{"--output is missing", "--camera=a/b", "--format=xml"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if err := (&Query{Output: "out", Format: "text"}).Check(); err != nil {
		t.Error(err)
	}
}
