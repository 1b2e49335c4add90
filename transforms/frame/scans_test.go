package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sof2 is a progressive JPEG of that size and sampling with n scans of ten bytes, each of
// one component and without any data.
func sof2Of(width, height, n int, sampling ...byte) []byte {
	head := func(marker byte, body []byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(2+len(body))), body...)
	}
	sof := []byte{8, byte(height >> 8), byte(height), byte(width >> 8), byte(width), byte(len(sampling))}
	for i, s := range sampling {
		sof = append(sof, byte(i+1), s, 0)
	}
	b := slices.Concat([]byte{0xff, soi}, head(0xdb, make([]byte, 65)), head(sof2, sof))
	for i := range n {
		b = append(b, head(sos, []byte{1, byte(i%len(sampling)) + 1, 0, 1, 63, 0})...)
	}
	return append(b, 0xff, eoi)
}

func TestAJPEGOfVeryManyScansIsADeadLetterBeforeItIsDecoded(t *testing.T) {
	for _, c := range []struct {
		name      string
		data      []byte
		tolerated bool
	}{
		{"83,000 scans of 4096 x 4096 pixels", sof2Of(4096, 4096, 83_000, 0x11), false},
		{"ten scans of 4096 x 4096 pixels", sof2Of(4096, 4096, 10, 0x22, 0x11, 0x11), true},
		{"ten scans of the largest picture", sof2Of(8192, 8192, 10, 0x11, 0x11, 0x11), true},
		{"some hundred scans of a small picture", sof2Of(640, 480, 300, 0x22, 0x11, 0x11), true},
		{"83,000 scans of one pixel", sof2Of(1, 1, 83_000, 0x11), false},
		{"83,000 scans of a thin picture", sof2Of(16384, 1, 83_000, 0x11), false},
		{"83,000 scans of a sequential JPEG", bytes.Replace(sof2Of(4096, 4096, 83_000, 0x11, 0x11, 0x11), []byte{0xff, sof2}, []byte{0xff, 0xc1}, 1), false},
		{"83,000 scans of a component that is hardly there", sof2Of(4096, 4096, 83_000, 0x44, 0x11, 0x11), false},
		{"a sampling of 0", sof2Of(4096, 4096, 83_000, 0, 0, 0), false},
	} {
		_, _, _, err := CheckImage(c.data)
		var p *Poison
		switch {
		case c.tolerated && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case !c.tolerated && (!errors.As(err, &p) || p.Reason != ReasonTooLarge):
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// The oracle walks over the blocks one by one, as a decoder does.
func TestPicturesInSOF2WithNScansAreTakenByWhatADecoderWouldWalkOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 3000).Draw(t, "width"), rapid.IntRange(1, 3000).Draw(t, "height")
		factor := rapid.SampledFrom([]byte{0x11, 0x12, 0x21, 0x22, 0x41, 0x44})
		sampling := rapid.SampledFrom([][]byte{{factor.Draw(t, "1")}, {factor.Draw(t, "1"), factor.Draw(t, "2"), factor.Draw(t, "3")}}).Draw(t, "sampling")
		n := rapid.IntRange(1, 4000).Draw(t, "scans")
		data := sof2Of(width, height, n, sampling...)
		_, _, _, err := CheckImage(data)

		mostH, mostV := 1, 1
		for _, s := range sampling {
			mostH, mostV = max(mostH, int(s>>4)), max(mostV, int(s&15))
		}
		var of []int
		all := 0
		for _, s := range sampling {
			blocks := 0
			for y := 0; y*8*mostV < height*int(s&15); y++ {
				for x := 0; x*8*mostH < width*int(s>>4); x++ {
					blocks++
				}
			}
			of, all = append(of, blocks), all+blocks
		}
		walked := 0
		for i := range n {
			walked += max(of[i%len(of)], scanBlocks)
		}
		if want := walked > scansOfAll*all && walked > freeBlocks; (err != nil) != want {
			t.Fatalf("%d scans walk over %d blocks of %d: %v", n, walked, all, err)
		}
	})
}
