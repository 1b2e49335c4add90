package frame

import (
	"bytes"
	"strings"
)

// The original system takes any text for a camera's id: `Front Door`, `Tür`, or none at
// all. Such an id is mapped to a legal one: mapped, then the text with every byte but
// A-Z a-z 0-9 _ - as an escape and two hex digits: `id--Front.20Door`, `id--T.C3.BCr`,
// `id--` for none. Legal ids stay as they are, but for those that would be taken for a
// mapped one: these are mapped themselves. So no two ids become one, and
// [OriginalCamera] is the way back.
const (
	mapped = "id--"
	escape = '.'
)

// CameraID is the camera id that stands for an id of the JSON format: itself if it is
// legal. "" means that there is none: it would be longer than MaxCamera.
func CameraID(original string) string {
	if ValidCamera(original) && !isMapped(original) {
		return original
	}
	if id := mapped + escaped(original); len(id) <= MaxCamera {
		return id
	}
	return ""
}

// OriginalCamera is the id that [CameraID] made id of: mostly itself.
func OriginalCamera(id string) string {
	if original, ok := unmapped(id); ok {
		return original
	}
	return id
}

func isMapped(id string) bool {
	_, ok := unmapped(id)
	return ok
}

// unmapped reports whether id is what [CameraID] makes of another id, and of which.
func unmapped(id string) (original string, ok bool) {
	rest, ok := strings.CutPrefix(id, mapped)
	if !ok || !ValidCamera(id) {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		if rest[i] != escape {
			b.WriteByte(rest[i])
			continue
		}
		if len(rest)-i < 3 {
			return "", false
		}
		high, low := strings.IndexByte(hexDigits, rest[i+1]), strings.IndexByte(hexDigits, rest[i+2])
		if high < 0 || low < 0 {
			return "", false
		}
		b.WriteByte(byte(high<<4 | low))
		i += 2
	}
	original = b.String()
	// Only what is spelt as CameraID spells it, and needs it.
	return original, escaped(original) == rest && (!ValidCamera(original) || isMapped(original))
}

const hexDigits = "0123456789ABCDEF"

func escaped(original string) string {
	var b strings.Builder
	for i := 0; i < len(original); i++ {
		switch c := original[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
			b.WriteByte(c)
		default:
			b.WriteByte(escape)
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// Camera returns the id of the camera that the record belongs to, or "" when it
// belongs to none: its key, which must be a camera id. In the JSON format it is what
// [CameraID] makes of the key, or of the member cameraId where there is no key.
func (r *Record) Camera() string {
	id := string(r.Key)
	legal := ValidCamera(id)
	switch {
	case legal && !strings.HasPrefix(id, mapped):
		return id
	case isCloudEvent(r) || !bytes.HasPrefix(bytes.TrimLeft(r.Value, " \t\r\n"), []byte("{")):
		if legal {
			return id
		}
		return ""
	case id != "":
		return CameraID(id)
	}
	o, err := readObject(r.Value, "data")
	if err != nil || o["data"] == nil { // anything may be an object
		return ""
	}
	if id, err = o.camera(); err != nil {
		return ""
	}
	return CameraID(id)
}

// camera is the member cameraId, "" if it is not there or null.
func (o object) camera() (string, error) {
	const key = "cameraId"
	if raw, ok := o[key]; !ok || string(raw) == "null" {
		return "", nil
	}
	return o.text(key)
}
