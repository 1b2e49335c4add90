package frame

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// OpenCV's numbers of the Mat types that the JSON format may hold.
const (
	matGray = 0  // CV_8UC1
	matBGR  = 16 // CV_8UC3
)

// jsonTime is how java.sql.Timestamp prints itself, to the millisecond.
const jsonTime = "2006-01-02 15:04:05.000"

// JSON is the frame as a record of the original system: an object of cameraId,
// timestamp, rows, cols, type and data, the Mat's bytes in base64. It knows
// neither epoch nor sequence, the timestamp is cut to milliseconds and written
// in zone without saying so (nil means UTC), and it holds Raw frames only: any
// other is an error, as is a frame whose size and data disagree.
func (f *Frame) JSON(zone *time.Location) (Record, error) {
	if f.Encoding != Raw {
		return Record{}, fmt.Errorf("frame %s: the JSON wire holds raw pixels, not %s", f.ID(), f.Encoding)
	}
	mat := matBGR
	if f.Channels == 1 {
		mat = matGray
	} else if f.Channels != 3 {
		return Record{}, fmt.Errorf("frame %s: the JSON wire holds 1 or 3 channels, not %d", f.ID(), f.Channels)
	}
	if len(f.Data) != f.Width*f.Height*f.Channels {
		return Record{}, fmt.Errorf("frame %s: %d bytes are not %d x %d pixels of %d channels", f.ID(), len(f.Data), f.Width, f.Height, f.Channels)
	}
	if zone == nil {
		zone = time.UTC
	}
	camera := OriginalCamera(f.Camera)
	name, err := json.Marshal(camera)
	if err != nil || !utf8.ValidString(camera) {
		return Record{}, fmt.Errorf("frame %s: the JSON wire cannot name its camera", f.ID())
	}
	b := make([]byte, 0, 160+len(name)+base64.StdEncoding.EncodedLen(len(f.Data)))
	b = fmt.Appendf(b, `{"cameraId":%s,"timestamp":%q,"rows":%d,"cols":%d,"type":%d,"data":"`,
		name, f.Captured.In(zone).Format(jsonTime), f.Height, f.Width, mat)
	b = base64.StdEncoding.AppendEncode(b, f.Data)
	b = append(b, `"}`...)
	return Record{Timestamp: f.Captured.UnixMilli(), Key: []byte(camera), Value: b}, nil
}

func (p *Parser) parseJSON(camera string, rec *Record) (Frame, *Poison) {
	o, err := readObject(rec.Value, "data")
	if err != nil {
		return Frame{}, poisonf(ReasonBadJSON, "%v", err)
	}
	name, err := o.camera()
	if err != nil {
		return Frame{}, poisonf(ReasonBadJSON, "%v", err)
	}
	// Without one the key says enough, and without a key this has.
	if name != "" && CameraID(name) != camera {
		return Frame{}, poisonf(ReasonCamera, "the key is %.80q, cameraId says %.60q", rec.Key, name)
	}
	captured, err := o.time("timestamp", p.zone)
	if err != nil {
		return Frame{}, poisonf(ReasonBadJSON, "%v", err)
	}
	rows, err1 := o.number("rows")
	cols, err2 := o.number("cols")
	mat, err3 := o.number("type")
	if err := cmp.Or(err1, err2, err3); err != nil {
		return Frame{}, poisonf(ReasonBadJSON, "%v", err)
	}
	f := Frame{Camera: camera, Sequence: -1, Captured: captured, Width: cols, Height: rows, Encoding: Raw}
	switch mat {
	case matGray:
		f.Channels = 1
	case matBGR:
		f.Channels = 3
	default:
		return Frame{}, poisonf(ReasonBadSize, "type %d is neither %d (gray) nor %d (BGR)", mat, matGray, matBGR)
	}
	if rows < 1 || cols < 1 {
		return Frame{}, poisonf(ReasonBadSize, "%d rows of %d columns", rows, cols)
	}
	if poison := p.limits.check(f.Width, f.Height); poison != nil {
		return Frame{}, poison
	}
	if f.Data, err = o.base64("data"); err != nil {
		return Frame{}, poisonf(ReasonBadJSON, "%v", err)
	}
	if poison := p.checkRaw(&f); poison != nil {
		return Frame{}, poison
	}
	return f, nil
}

// object is a JSON object's members, of which the values are not yet decoded.
type object map[string][]byte

// maxMembers is the most members an object may have; the format needs six.
const maxMembers = 64

// readObject splits a JSON object into its members and refuses what
// encoding/json lets pass: a member given twice. The text of the member named
// unseen is not looked at, if it is a string: whoever decodes it must do so.
//
// It exists for speed: a frame of 640 x 480 pixels is 1.2 MB of base64, over
// which encoding/json walks byte by byte, twice: 9.6 ms a frame, where this takes
// 1.6 ms, of which decoding the base64 is 1.2 ms (BenchmarkParse_json).
func readObject(b []byte, unseen string) (object, error) {
	r := jsonReader{b: b}
	o := object{}
	if !r.take('{') {
		return nil, r.wrong("no object")
	}
	for !r.take('}') {
		if len(o) > 0 && !r.take(',') {
			return nil, r.wrong("no comma")
		}
		var key string
		if raw, err := r.text(); err != nil {
			return nil, err
		} else if json.Unmarshal(raw, &key) != nil {
			return nil, r.wrong("a malformed member name")
		}
		if _, twice := o[key]; twice {
			return nil, fmt.Errorf("%.60q is there twice", key)
		}
		if len(o) == maxMembers {
			return nil, fmt.Errorf("more than %d members", maxMembers)
		}
		if !r.take(':') {
			return nil, r.wrong("no colon")
		}
		raw, err := r.value()
		if err != nil {
			return nil, err
		}
		if key != unseen && !json.Valid(raw) {
			return nil, r.wrong("a malformed string")
		}
		o[key] = raw
	}
	if r.space(); r.pos < len(r.b) {
		return nil, r.wrong("something follows the object")
	}
	return o, nil
}

// jsonReader takes JSON apart as far as readObject needs it.
type jsonReader struct {
	b   []byte
	pos int
}

func (r *jsonReader) wrong(what string) error {
	return fmt.Errorf("not JSON at byte %d: %s", r.pos, what)
}

func (r *jsonReader) space() {
	for r.pos < len(r.b) && strings.IndexByte(" \t\r\n", r.b[r.pos]) >= 0 {
		r.pos++
	}
}

// take skips white space and then c, if c comes next.
func (r *jsonReader) take(c byte) bool {
	r.space()
	if r.pos < len(r.b) && r.b[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

// text returns a string with its quotes, not looking at what is between them.
func (r *jsonReader) text() ([]byte, error) {
	if !r.take('"') {
		return nil, r.wrong("no string")
	}
	start := r.pos - 1
	for {
		i := bytes.IndexByte(r.b[r.pos:], '"')
		if i < 0 {
			return nil, r.wrong("a string does not end")
		}
		end := r.pos + i
		r.pos = end + 1
		body := r.b[start+1 : end]
		if escapes := len(body) - len(bytes.TrimRight(body, `\`)); escapes%2 == 0 {
			return r.b[start:r.pos], nil
		}
	}
}

// value returns the next value: a string as text does, anything else validated.
func (r *jsonReader) value() ([]byte, error) {
	if r.space(); r.pos < len(r.b) && r.b[r.pos] == '"' {
		return r.text()
	}
	d := json.NewDecoder(bytes.NewReader(r.b[r.pos:]))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return nil, r.wrong("no value")
	}
	r.pos += int(d.InputOffset())
	return raw, nil
}

// member returns what is said under key; nothing and null are errors.
func (o object) member(key string) ([]byte, error) {
	raw, ok := o[key]
	if !ok || string(raw) == "null" {
		return nil, fmt.Errorf("%s is missing", key)
	}
	return raw, nil
}

func (o object) text(key string) (string, error) {
	raw, err := o.member(key)
	if err != nil {
		return "", err
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", fmt.Errorf("%s %.60q is not a string", key, raw)
	}
	return s, nil
}

func (o object) number(key string) (int, error) {
	raw, err := o.member(key)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(raw), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s %.60q is not a whole number of 32 bits", key, raw)
	}
	return int(n), nil
}

// base64 decodes a member that readObject left unseen.
func (o object) base64(key string) ([]byte, error) {
	raw, err := o.member(key)
	if err != nil {
		return nil, err
	}
	if len(raw) < 2 || raw[0] != '"' {
		return nil, fmt.Errorf("%s is not a string", key)
	}
	s := raw[1 : len(raw)-1]
	// Gson writes the padding "=" as \u003d: mostly there is nothing to unescape
	// but the end.
	if i := bytes.IndexByte(s, '\\'); i >= 0 {
		var rest string
		if err := json.Unmarshal(slices.Concat([]byte{'"'}, s[i:], []byte{'"'}), &rest); err != nil {
			return nil, fmt.Errorf("%s is a malformed string", key)
		}
		s = append(s[:i:i], rest...)
	}
	data := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := base64.StdEncoding.Decode(data, s)
	// The decoder skips line breaks, which JSON does not allow.
	if err != nil || base64.StdEncoding.EncodedLen(n) != len(s) {
		return nil, fmt.Errorf("%s is not base64", key)
	}
	return data[:n], nil
}
