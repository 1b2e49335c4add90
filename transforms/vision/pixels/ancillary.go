package pixels

import (
	"encoding/binary"
	"slices"
)

// pngEnd is the chunk IEND, with its checksum.
var pngEnd = []byte{0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82}

// essential is a PNG without what changes no pixel: texts, profiles, animations. They
// never reach the decoder, since libpng unpacks and keeps each, up to a thousand of 8 MB
// that are 8 KB in the file. What is left is a header, a palette, what is transparent, and
// the one row of chunks of pixels; it is data itself if there is nothing else. The PNG is
// whole: [frame.CheckImage] has seen it.
func essential(data []byte) []byte {
	const head, crc = 8, 4
	var kept []byte
	from, pos := 0, len(pngMagic) // data[from:pos] is to be kept
	drop := func(to int) {
		kept = append(kept, data[from:pos]...)
		from, pos = to, to
	}
	pixels := false
	for len(data)-pos >= head+crc {
		n := int64(binary.BigEndian.Uint32(data[pos:]))
		if n > int64(len(data)-pos-head-crc) {
			break
		}
		next := pos + head + int(n) + crc
		switch name := string(data[pos+4 : pos+head]); {
		case name == "IEND":
			pos = next
			if kept == nil {
				return data[:pos]
			}
			return append(kept, data[from:pos]...)
		case name == "IDAT":
			pixels = true
			pos = next
		case pixels: // a decoder looks for no more
			return slices.Concat(kept, data[from:pos], pngEnd)
		case name[0]&0x20 != 0 && name != "tRNS":
			drop(next)
		default:
			pos = next
		}
	}
	return data
}
