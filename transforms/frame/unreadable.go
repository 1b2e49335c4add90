package frame

import "strings"

// unreadable is the header of a record that stands for one that its log cannot give.
const unreadable = "framebeam-unreadable"

// Unreadable is the record for an offset of which the log has no more to say than
// why. It has no key and so belongs to no camera. It goes through stages and
// archives as any other, and [Parser.Parse] gives what is wrong with it.
func Unreadable(offset, timestamp int64, why *Poison) Record {
	return Record{
		Offset: offset, Timestamp: timestamp,
		Headers: []Header{{Key: unreadable, Value: []byte(why.Error())}},
	}
}

// why returns what is wrong with an [Unreadable] record.
func (r *Record) why() (*Poison, bool) {
	if len(r.Headers) != 1 || r.Headers[0].Key != unreadable || len(r.Key) > 0 || len(r.Value) > 0 {
		return nil, false
	}
	reason, detail, _ := strings.Cut(string(r.Headers[0].Value), ": ")
	switch Reason(reason) {
	case ReasonBatchTooLarge, ReasonBatchCorrupt:
		return poisonf(Reason(reason), "%s", detail), true
	}
	return nil, false
}
