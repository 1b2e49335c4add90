package picture

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/result"
)

// missingEntry lists the frames that could not be had. No camera has such an id.
const missingEntry = "missing frames.txt"

// entryName is the name of a row's picture in its pack:
// camera/epoch/sequence-offset.jpg, or camera/offset.jpg for a frame that has no
// number. Numbers are padded so that names sort as they do. Within a partition
// no two rows have the same, and no name is a folder of another.
func entryName(row *result.Frame) string {
	if row.Sequence < 0 || row.Epoch == "" {
		return fmt.Sprintf("%s/%019d.jpg", folder(row.Camera), row.Offset)
	}
	return fmt.Sprintf("%s/%s/%010d-%019d.jpg", folder(row.Camera), folder(row.Epoch), row.Sequence, row.Offset)
}

// offsetOf is the offset in a picture's name.
func offsetOf(name string) (offset int64, ok bool) {
	base := strings.TrimSuffix(path.Base(name), ".jpg")
	digits := base[strings.LastIndexByte(base, '-')+1:]
	offset, err := strconv.ParseInt(digits, 10, 64)
	return offset, err == nil && name != missingEntry
}

// folder makes a text the name of a folder: what is not of A-Z a-z 0-9 . _ - is
// written as %XX, and so is the first point of ".", ".." and of names that could
// be a picture's.
func folder(s string) string {
	var b strings.Builder
	dot := strings.Trim(s, ".") == "" || strings.HasSuffix(strings.ToLower(s), ".jpg")
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && dot:
			b.WriteString("%2E")
			dot = false
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
