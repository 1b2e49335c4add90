package nodes

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/transforms/graph"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

func init() {
	beam.RegisterDoFn(&bucketFn{})
	beam.RegisterDoFn(&compareFn{})
	register.Emitter1[graph.Edges]()
}

// When nodes are joined. All is in whole numbers, so that it is the same everywhere.
const (
	// mostBits is in how many bits the hashes of alike shots differ: of the same picture it
	// is seldom more than 10, of different ones around 32.
	mostBits = 10
	// soon is how far apart shots begin that are joined although they are less alike (M.
	// Yeung and B.-L. Yeo, Time-constrained clustering for segmentation of video into story
	// units, ICPR 1996): up to soonBits, and in colours, if both have them, leastColours.
	soon         = time.Minute
	soonBits     = 18
	leastColours = 0.7
	// gap is how long after the end of a track another begins that is perhaps the same
	// thing, and leastGap how good that must be, in thousandths.
	gap      = 10 * time.Second
	leastGap = 300
	// trackWeight is that of shots with a track in common.
	trackWeight = 500
	// following is with how many of those that come after it in a bucket one is compared.
	following = 16
)

// bucketFn puts nodes that may have to do with each other in one bucket: those of a camera
// that are close in time, and frames with the same track.
type bucketFn struct{}

// ProcessElement emits the node once for each bucket.
func (*bucketFn) ProcessElement(n Node, emit func(string, []byte)) {
	b := n.Marshal()
	into := func(kind byte, of string, first, last, length int64) {
		for w := first / length; w <= last/length; w++ {
			emit(fmt.Sprintf("%c\x00%s\x00%s\x00%d", kind, n.Topic, of, w), b)
		}
	}
	if n.Kind == Track {
		// Where it begins, and all where another may begin after its end.
		of := n.Camera + "\x00" + n.Label
		g := gap.Microseconds()
		into('g', of, n.From, n.From, g)
		if first := max(n.To, (n.From/g+1)*g); first/g <= (n.To+g)/g {
			into('g', of, first, n.To+g, g)
		}
		return
	}
	into('s', n.Camera, n.From, n.From+soon.Microseconds(), soon.Microseconds())
	for _, t := range n.Tracks {
		emit(fmt.Sprintf("k\x00%s\x00%d\x00%d", n.Topic, n.Partition, t), b)
	}
}

// compareFn compares the nodes of a bucket, each with some that come after it only.
type compareFn struct{}

// ProcessElement emits the edges between them.
func (*compareFn) ProcessElement(key string, nodes func(*[]byte) bool, emit func(graph.Edges)) error {
	var all []Node
	for b := []byte(nil); nodes(&b); {
		n, err := Unmarshal(b)
		if err != nil {
			return err
		}
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b Node) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.ID, b.ID)) })
	kind, window, err := bucketOf(key)
	if err != nil {
		return err
	}
	var found graph.Edges
	join := func(a, b *Node, weight int64, kind uint8) {
		found.List = append(found.List, graph.Edge{A: a.ID, B: b.ID, Weight: uint16(max(1, min(weight, graph.MostWeight))), Kind: kind})
	}
	for i := range all {
		a := &all[i]
		rest := all[i+1:]
		if kind == 'k' { // a chain
			if len(rest) > 0 {
				join(a, &rest[0], trackWeight, SameTrack)
			}
			continue
		}
		// A pair is looked at in the bucket in which the later one begins.
		length, first, last := soon.Microseconds(), a.From, a.From+soon.Microseconds()
		if kind == 'g' {
			length, first, last = gap.Microseconds(), a.To+1, a.To+gap.Microseconds()
		}
		rest = between(rest, max(first, window*length), last)
		if n := len(rest); n > following {
			found.GivenUp += int64(n - following)
			rest = rest[:following]
		}
		found.Compared += int64(len(rest))
		for k := range rest {
			if kind == 's' {
				if w, ok := alikeSoon(a, &rest[k]); ok {
					join(a, &rest[k], w, Soon)
				}
			} else if w := continues(a, &rest[k]); w >= leastGap {
				join(a, &rest[k], w, Gap)
			}
		}
	}
	if len(found.List) > 0 || found.Compared > 0 {
		emit(found)
	}
	return nil
}

// between are those of nodes, sorted, that begin from first to last.
func between(nodes []Node, first, last int64) []Node {
	begins := func(n Node, t int64) int { return cmp.Compare(n.From, t) }
	from, _ := slices.BinarySearchFunc(nodes, first, begins)
	to, _ := slices.BinarySearchFunc(nodes, last+1, begins)
	return nodes[from:max(from, to)]
}

// bucketOf is the kind of a bucket, and the number that its key ends in.
func bucketOf(key string) (kind byte, number int64, err error) {
	number, err = strconv.ParseInt(key[strings.LastIndexByte(key, 0)+1:], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("bucket %q: %w", key, err)
	}
	return key[0], number, nil
}

// alikeSoon reports whether shots that are close in time are alike, and how much.
func alikeSoon(a, b *Node) (weight int64, ok bool) {
	d := similarity.Distance(similarity.Hash(a.Hash), similarity.Hash(b.Hash))
	if d > soonBits {
		return 0, false
	}
	weight = int64(graph.MostWeight * (64 - d) / 64)
	if a.Histogram == nil || b.Histogram == nil {
		return weight, d <= mostBits
	}
	colours, err := similarity.To(similarity.KindHistogram, a.Histogram)
	if err != nil {
		return 0, false
	}
	alike, err := colours(b.Histogram)
	if err != nil || alike < leastColours {
		return 0, false
	}
	return min(weight, int64(alike*graph.MostWeight)), true
}

// continues is how well track b goes on where a ended, in thousandths: by the time between,
// by how far it is from one place to the other against the size of what was seen, and by
// their sizes.
func continues(a, b *Node) int64 {
	const whole = graph.MostWeight
	g := gap.Microseconds()
	pause := b.From - a.To
	if a.ID == b.ID || pause <= 0 || pause > g {
		return 0
	}
	x, y := a.Last, b.First
	dx := abs(2*x.X + x.Width - 2*y.X - y.Width)
	dy := abs(2*x.Y + x.Height - 2*y.Y - y.Height)
	// Twice the distance of the middles, and 3 sizes of the larger: that far is too far.
	far := 3 * 2 * max(x.Width, y.Width, x.Height, y.Height, 1)
	place := whole - whole*min(far, max(dx, dy))/far
	size := whole * min(x.area(), y.area()) / max(x.area(), y.area(), 1)
	soonness := whole - whole*pause/(2*g) // half at the end of the gap
	return place * min(whole, 2*size) / whole * soonness / whole
}

func abs(x int64) int64 { return max(x, -x) }
