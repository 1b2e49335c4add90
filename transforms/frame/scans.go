package frame

// A scan of a JPEG (T.81, B.2.3) takes ten bytes, and makes the decoder walk over all
// blocks of its components, even when it says nothing of any of them: 83,000 scans of
// 4096 x 4096 pixels are 900 KB and two minutes in a call that nobody can cancel. So the
// blocks are counted before.
const (
	// scansOfAll is how often a picture's every block may be walked over. Encoders of
	// progressive JPEGs do it about 5 times, in about 10 scans.
	scansOfAll = 32
	// freeBlocks may be walked over however small the picture is: a fraction of a second.
	freeBlocks = 4 << 20
	// scanBlocks is what a scan costs at least, for its tables.
	scanBlocks = 4 << 10
)

// jpegFrame is what a JPEG's frame header says.
type jpegFrame struct {
	width, height int // pixels
	components    []jpegComponent
	work          int64 // blocks that the scans so far walk over
}

type jpegComponent struct {
	id                   byte
	horizontal, vertical int // sampling factors, 1 to 4
}

// blocks are those of the component in a scan of its own.
func (f *jpegFrame) blocks(c jpegComponent) int64 {
	most := jpegComponent{horizontal: 1, vertical: 1}
	for _, c := range f.components {
		most.horizontal, most.vertical = max(most.horizontal, c.horizontal), max(most.vertical, c.vertical)
	}
	across := func(pixels, factor, most int) int64 { return int64((pixels*factor + 8*most - 1) / (8 * most)) }
	return across(f.width, c.horizontal, most.horizontal) * across(f.height, c.vertical, most.vertical)
}

// all are the blocks of the picture.
func (f *jpegFrame) all() (n int64) {
	for _, c := range f.components {
		n += f.blocks(c)
	}
	return n
}

// scan adds the work of a scan by its header, and says whether it is too much for a
// picture of this size.
func (f *jpegFrame) scan(header []byte) *Poison {
	blocks := f.all() // of a header that is no header
	if len(header) > 0 && len(header) == 4+2*int(header[0]) {
		var of int64
		for i := range int(header[0]) {
			for _, c := range f.components {
				if c.id == header[1+2*i] {
					of += f.blocks(c)
				}
			}
		}
		if of > 0 {
			blocks = min(blocks, of)
		}
	}
	f.work += max(blocks, scanBlocks)
	if most := max(scansOfAll*f.all(), freeBlocks); f.work > most {
		return poisonf(ReasonTooLarge, "a JPEG of %d x %d pixels whose scans walk over more than %d blocks", f.width, f.height, most)
	}
	return nil
}
