package pixels

import (
	"container/list"
	"hash/maphash"
	"sync"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
)

// DefaultCacheBytes bounds [Handover]: about 300 gray frames of 640x480.
const DefaultCacheBytes = 96 << 20

// Handover carries frames decoded to gray from the per-frame stage to the sequence stage
// when both run in one process: decoding is two thirds of a frame's cost, and
// the stages see the same bytes. It never changes a result: what is not there
// is decoded again.
var Handover = NewCache(DefaultCacheBytes)

// TakeGray returns the frame as [Gray] does: handed over by an earlier stage of
// this process, or decoded. The caller closes the Mat.
func TakeGray(topic string, partition int32, offset int64, f *frame.Frame) (gocv.Mat, error) {
	if m, ok := Handover.Take(KeyOf(topic, partition, offset, f)); ok {
		return m, nil
	}
	return Gray(f)
}

// Key names decoded pixels by their place in the log and their content, so that
// two jobs or topics of the same name in one process are not mixed up.
type Key struct {
	topic     string
	partition int32
	offset    int64
	width     int // of raw pixels the data says nothing
	length    int
	sum       uint64
}

// The seed is drawn per process, so that nobody can make two frames collide on purpose.
var seed = maphash.MakeSeed()

// KeyOf is the key of the frame's pixels.
func KeyOf(topic string, partition int32, offset int64, f *frame.Frame) Key {
	return Key{topic, partition, offset, f.Width, len(f.Data), maphash.Bytes(seed, f.Data)}
}

// entryBytes is about what a Mat takes beside its pixels, and its place in the cache.
const entryBytes = 512

// Cache holds Mats between a Put and a Take, at most a number of bytes; the
// oldest make room. It is safe for concurrent use.
type Cache struct {
	mu    sync.Mutex
	limit int
	bytes int
	order *list.List // of *entry, oldest first
	byKey map[Key]*list.Element
}

type entry struct {
	key   Key
	mat   gocv.Mat
	bytes int
}

// NewCache returns an empty cache of at most limit bytes.
func NewCache(limit int) *Cache {
	return &Cache{limit: limit, order: list.New(), byKey: map[Key]*list.Element{}}
}

// Put gives the Mat to the cache, which closes it if nobody takes it. What the
// key held before is closed.
func (c *Cache) Put(k Key, mat gocv.Mat) {
	n := mat.Total()*mat.ElemSize() + entryBytes
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[k]; ok {
		c.drop(e)
	}
	if n > c.limit {
		mat.Close()
		return
	}
	for c.bytes+n > c.limit {
		c.drop(c.order.Front())
	}
	c.byKey[k] = c.order.PushBack(&entry{k, mat, n})
	c.bytes += n
}

// Take returns the key's Mat, which now belongs to the caller.
func (c *Cache) Take(k Key) (gocv.Mat, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[k]
	if !ok {
		return gocv.Mat{}, false
	}
	v := c.remove(e)
	return v.mat, true
}

// DropAll closes everything the cache holds.
func (c *Cache) DropAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.order.Len() > 0 {
		c.drop(c.order.Front())
	}
}

// Bytes is how many bytes the cache holds.
func (c *Cache) Bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

func (c *Cache) drop(e *list.Element) {
	v := c.remove(e)
	v.mat.Close()
}

func (c *Cache) remove(e *list.Element) *entry {
	v := c.order.Remove(e).(*entry)
	delete(c.byKey, v.key)
	c.bytes -= v.bytes
	return v
}
